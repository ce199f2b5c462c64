//! Where the file goes.

mod claims;
mod delivery;
mod file;
mod scheme;
mod spool;
#[cfg(feature = "store")]
mod store;
mod target;
mod template;

pub(crate) use self::claims::Claims;
pub(crate) use self::delivery::{Delivered, Delivery, Opened};
#[cfg(feature = "store")]
pub(crate) use self::store::{Arrived, Depot, Upload, abandon};
pub(crate) use self::target::{Order, shown};
pub(crate) use self::template::PLACEHOLDERS;
