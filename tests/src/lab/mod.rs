//! A whole world in one thread and in no time: the simulated service without its sockets, a clock
//! that jumps, a disk that can be torn, and a process that can die at any moment.
//!
//! A [`Lab`] plays one export from the first request to the end, with as many processes as that
//! takes, and says which promises were broken on the way. What happens to the processes is chosen
//! by a [`Fate`]; what happens to the answers, by the scenario of the simulator.

mod broken;
mod clock;
mod disk;
mod fate;
mod life;
mod line;
mod pace;
mod play;
mod schedule;
mod secrets;
mod soak;
mod tokens;

pub use broken::Broken;
pub use fate::{Fate, Moment, Nth, Quiet, Turn};
pub use play::{Ended, Lab, Played, Tally};
pub use schedule::AtRandom;
pub use soak::{Soaked, replay, soak};
