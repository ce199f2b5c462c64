//! File names from anywhere.

use export_core::safe_file_name;

use crate::world::assert_safe;

/// The bytes are the name.
pub(crate) fn check(data: &[u8]) {
    let name = String::from_utf8_lossy(data);
    if let Some(safe) = safe_file_name(&name) {
        assert_safe(&safe);
        assert_eq!(safe_file_name(&safe).as_ref(), Some(&safe), "it is not its own safe name");
    }
}
