//! Where the file goes.

mod claims;
mod delivery;
mod file;
mod spool;
mod target;
mod template;

pub(crate) use self::claims::Claims;
pub(crate) use self::delivery::{Delivered, Delivery, Opened};
pub(crate) use self::target::Order;
pub(crate) use self::template::PLACEHOLDERS;
