//! The wall clock, for what is stored and shown. What is measured is measured with
//! [`Clock`](export_host::Clock).

pub(crate) use export_host::timestamp as at;
use export_hyper::Timestamp;

#[cfg(test)]
use crate::machine::Machine;

/// The time of the system.
pub(crate) fn now() -> Timestamp {
    #[cfg(test)]
    if let Some(machine) = Machine::current() {
        return machine.wall_clock();
    }
    export_host::wall_clock()
}

/// A clock that a change of the system's time does not affect.
pub(crate) fn steady() -> impl Fn() -> Timestamp + Send + Sync {
    #[cfg(test)]
    let machine = Machine::current();
    let clock = export_host::Clock::start();
    move || {
        #[cfg(test)]
        if let Some(machine) = &machine {
            return machine.now();
        }
        clock.now()
    }
}
