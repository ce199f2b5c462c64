//! File names.

use export_core::safe_file_name;

use crate::harness::assert_safe;

/// The bytes are the name.
pub(crate) fn check(data: &[u8]) {
    let name = String::from_utf8_lossy(data);
    if let Some(safe) = safe_file_name(&name) {
        assert_safe(&safe);
        assert_eq!(safe_file_name(&safe).as_ref(), Some(&safe), "a safe name is changed");
    }
}
