//! One value for each class of requests.

use serde::{Deserialize, Serialize};

use super::RequestClass;

/// One value for each [class](RequestClass) of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PerClass<T> {
    pub(crate) submit: T,
    pub(crate) operations: T,
    pub(crate) download: T,
}

impl<T> PerClass<T> {
    pub(crate) const fn of(&self, class: RequestClass) -> &T {
        match class {
            RequestClass::Submit => &self.submit,
            RequestClass::Operation => &self.operations,
            RequestClass::Download => &self.download,
        }
    }

    pub(crate) const fn of_mut(&mut self, class: RequestClass) -> &mut T {
        match class {
            RequestClass::Submit => &mut self.submit,
            RequestClass::Operation => &mut self.operations,
            RequestClass::Download => &mut self.download,
        }
    }

    pub(crate) const fn all(&self) -> [&T; 3] {
        [&self.submit, &self.operations, &self.download]
    }

    pub(crate) const fn all_mut(&mut self) -> [&mut T; 3] {
        [&mut self.submit, &mut self.operations, &mut self.download]
    }
}
