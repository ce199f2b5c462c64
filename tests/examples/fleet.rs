//! Exports by the million in virtual time, against the least time that they could take. Run by
//! `cargo xtask fleet`.
//!
//! Without words, all tables and the pictures; with `--exports` or `--rate`, these fleets alone.

use std::error::Error;
use std::fs;
use std::ops::Range;
use std::time::Duration;

use allocation_counter::measure;
use conformance::fleet::{Curve, Fleet, Flight, Knows, Pilot, plot, waiting_jobs};
use export_core::Order;
use export_sim::Completion;

const TOLD: Pilot = Pilot::Together(Knows::TheLimit, Order::LeastRecentlyPolled);
const LEARNS: Pilot = Pilot::Together(Knows::Nothing, Order::LeastRecentlyPolled);
const NEXT_NIGHT: Pilot = Pilot::Together(Knows::SinceYesterday, Order::LeastRecentlyPolled);

const RATES: [u32; 3] = [1, 5, 50];
const SIZES: [usize; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// Those who fly alone send more requests the more of them there are: beyond this, nobody would
/// wait to see it.
const MOST_ALONE: usize = 10_000;

/// How long exports take, if nothing else is said.
const TAKES: Completion = Completion::Exponential(Duration::from_secs(20));

fn main() -> Result<(), Box<dyn Error>> {
    let words = Words(std::env::args().skip(1).collect());
    let exports: Option<usize> = words.number("--exports")?;
    let rate: Option<u32> = words.number("--rate")?;
    let takes = words.value("--takes").map_or(Ok(TAKES), str::parse)?;
    if exports.is_some() || rate.is_some() {
        header(&format!("exports that take {takes}"));
        for rate in rate.map_or_else(|| RATES.to_vec(), |rate| vec![rate]) {
            for exports in exports.map_or_else(|| SIZES.to_vec(), |exports| vec![exports]) {
                everybody(exports, rate, takes, &words);
            }
        }
        return Ok(());
    }
    match words.value("--only") {
        Some("distributions") => distributions(&words),
        Some("orders") => orders(&words),
        Some("weather") => weather(&words),
        Some("memory") => memory(),
        _ => everything(&words)?,
    }
    Ok(())
}

/// All tables, and the pictures.
fn everything(words: &Words) -> Result<(), Box<dyn Error>> {
    let flights = sizes(words);
    distributions(words);
    orders(words);
    weather(words);
    memory();
    draw(&flights, words.value("--pictures").unwrap_or("docs"))
}

/// Every pilot, on one fleet.
fn everybody(exports: usize, rate: u32, takes: Completion, words: &Words) {
    for pilot in [TOLD, NEXT_NIGHT, LEARNS, Pilot::Alone, Pilot::EveryTwoSeconds] {
        let is_alone = matches!(pilot, Pilot::Alone | Pilot::EveryTwoSeconds);
        if !is_alone || exports <= MOST_ALONE {
            let fleet = Fleet { pilot, ..words.fleet(exports, rate, takes) };
            show(name(pilot), &fleet, &fleet.fly());
        }
    }
}

/// All sizes at all rates.
fn sizes(words: &Words) -> Vec<(Fleet, Flight)> {
    header(&format!("every size at every rate, exports that take {TAKES}"));
    let mut flights = Vec::new();
    for rate in RATES {
        for exports in SIZES {
            for pilot in [TOLD, NEXT_NIGHT, LEARNS, Pilot::Alone, Pilot::EveryTwoSeconds] {
                let most = match pilot {
                    Pilot::Together(Knows::TheLimit, _) => usize::MAX,
                    Pilot::Together(..) => 100_000,
                    Pilot::Alone | Pilot::EveryTwoSeconds => MOST_ALONE,
                };
                // A loop every two seconds, each of ten thousand, for three hours.
                let is_endless = pilot == Pilot::EveryTwoSeconds && exports / rate as usize > 2_000;
                if exports > most || is_endless {
                    continue;
                }
                let fleet = Fleet { pilot, ..words.fleet(exports, rate, TAKES) };
                let flight = fleet.fly();
                show(name(pilot), &fleet, &flight);
                flights.push((fleet, flight));
            }
        }
    }
    flights
}

fn distributions(words: &Words) {
    header("1,000 exports at 5 a second, by how long they take");
    for takes in ["0s", "30s", "10s..50s", "~20s", "~60s", "3m..10m"] {
        let Ok(takes) = takes.parse() else { continue };
        let fleet = words.fleet(1_000, 5, takes);
        show(&takes.to_string(), &fleet, &fleet.fly());
    }
}

/// It matters where there are operations of every age: few are open at once, and each that is
/// completed makes room for another.
fn orders(words: &Words) {
    for (open, takes) in [(100, "10s..50s"), (200, "10s..50s"), (100, "~30s"), (200, "~30s")] {
        let Ok(takes) = takes.parse() else { continue };
        header(&format!(
            "who is polled first: 2,000 at 5 a second, {open} open at once, that take {takes}"
        ));
        for order in [Order::LeastRecentlyPolled, Order::Oldest, Order::Expected] {
            let pilot = Pilot::Together(Knows::TheLimit, order);
            let fleet = Fleet { pilot, open, ..words.fleet(2_000, 5, takes) };
            show(&format!("{order:?}"), &fleet, &fleet.fly());
        }
    }
}

fn weather(words: &Words) {
    header("1,000 exports at 5 a second, in bad weather");
    let calm = words.fleet(1_000, 5, TAKES);
    let millis =
        |range: Range<u64>| Duration::from_millis(range.start)..Duration::from_millis(range.end);
    let far = Fleet { latency: millis(20..200), ..calm.clone() };
    let shaky = Fleet { faults: 0.03, ..calm.clone() };
    let stormy = Fleet { storms: vec![30..60, 100..160], ..calm.clone() };
    let learns = |fleet: &Fleet| Fleet { pilot: LEARNS, ..fleet.clone() };
    let all = Fleet { faults: 0.03, storms: stormy.storms.clone(), ..far.clone() };
    for (name, fleet) in [
        ("fair", calm.clone()),
        ("3 % faults", shaky.clone()),
        ("two storms of 429", stormy.clone()),
        ("20 to 200 ms each way", far.clone()),
        ("faults and latency", Fleet { faults: 0.03, ..far.clone() }),
        ("storms and latency", Fleet { storms: stormy.storms.clone(), ..far.clone() }),
        ("all of it", all.clone()),
        ("fair, learns", learns(&calm)),
        ("3 % faults, learns", learns(&shaky)),
        ("storms, learns", learns(&stormy)),
        ("latency, learns", learns(&far)),
        ("all of it, learns", learns(&all)),
    ] {
        show(name, &fleet, &fleet.fly());
    }
}

/// What a million waiting jobs hold.
fn memory() {
    const JOBS: usize = 1_000_000;
    let mut batch = None;
    let held = measure(|| batch = Some(waiting_jobs(JOBS)));
    println!("\n## memory\n");
    println!(
        "{JOBS} jobs that wait in a batch hold {} bytes each, all in",
        held.bytes_current / JOBS as i64
    );
    drop(batch);
    // Of the whole process so far, the simulator included.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        println!("the process, with the simulator in it, held at most {}", peak.trim());
    }
}

fn header(title: &str) {
    println!("\n## {title}\n");
    println!(
        "{:>9} {:>5}  {:<22} {:>11} {:>11} {:>8} {:>9} {:>9} {:>9} {:>9} {:>10} {:>6} {:>8}",
        "exports",
        "limit",
        "",
        "makespan",
        "bound",
        "over",
        "late",
        "least",
        "polls",
        "429s",
        "last at",
        "failed",
        "CPU/job"
    );
}

fn show(name: &str, fleet: &Fleet, flight: &Flight) {
    let bound = flight.bound.as_secs_f64();
    let seconds = |time: Option<Duration>| {
        time.map_or_else(|| "-".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
    };
    let makespan = seconds(flight.makespan);
    let over = flight.makespan.map_or_else(String::new, |makespan| {
        format!("{:+.1} %", (makespan.as_secs_f64() / bound - 1.0) * 100.0)
    });
    // The loop does not look when an export was completed.
    let or_not = |text: String| {
        if fleet.pilot == Pilot::EveryTwoSeconds { "-".to_owned() } else { text }
    };
    println!(
        "{:>9} {:>3}/s  {name:<22} {makespan:>11} {:>11} {:>8} {:>9} {:>9} {:>9} {:>9} {:>10} {:>6} {:>8}",
        fleet.exports,
        fleet.limit,
        or_not(seconds(Some(flight.bound))),
        or_not(over),
        or_not(seconds(Some(flight.lateness))),
        or_not(seconds(Some(flight.least_lateness))),
        flight.polls,
        flight.refused,
        seconds(flight.last_refused),
        flight.failed,
        cpu(fleet, flight),
    );
}

/// The processor's time for each export, where there are enough of them to measure it.
fn cpu(fleet: &Fleet, flight: &Flight) -> String {
    if fleet.exports < 1_000 {
        return "-".to_owned();
    }
    format!("{:.0} us", flight.work.as_secs_f64() * 1e6 / fleet.exports as f64)
}

const fn name(pilot: Pilot) -> &'static str {
    match pilot {
        Pilot::Together(Knows::TheLimit, _) => "together, limit known",
        Pilot::Together(Knows::SinceYesterday, _) => "together, second night",
        Pilot::Together(Knows::Nothing, _) => "together, learns",
        Pilot::Alone => "each at its own pace",
        Pilot::EveryTwoSeconds => "a poll every 2 s",
    }
}

/// Draws the makespan, and the requests for each file, over the number of exports.
fn draw(flights: &[(Fleet, Flight)], folder: &str) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let makespan = |flight: &Flight| flight.makespan.map(|makespan| makespan.as_secs_f64());
    let mut times = curves(flights, makespan);
    for rate in RATES {
        let bound = |flight: &Flight| Some(flight.bound.as_secs_f64());
        let name = if rate == 1 { "the least that it could be" } else { "" };
        times.push(Curve {
            name: name.into(),
            colour: "#000",
            dashes: "1 4",
            points: points(flights, TOLD, rate, bound),
        });
    }
    let marks = [
        (60.0, "1 min"),
        (600.0, "10 min"),
        (3_600.0, "1 h"),
        (36_000.0, "10 h"),
        (86_400.0 * 10.0, "10 days"),
    ];
    let title = "Until the last file, at 1, 5 and 50 requests for operations a second";
    fs::write(format!("{folder}/fleet.svg"), plot(title, "exports", &marks, &times))?;

    let requests = |flight: &Flight| Some(flight.requests as f64 / flight.files.max(1) as f64);
    let marks = [(3.0, "3"), (10.0, "10"), (30.0, "30"), (100.0, "100"), (300.0, "300")];
    let title = "Requests for each file, at 1, 5 and 50 requests for operations a second";
    let picture = plot(title, "exports", &marks, &curves(flights, requests));
    fs::write(format!("{folder}/fleet-requests.svg"), picture)?;
    println!("\n{folder}/fleet.svg and {folder}/fleet-requests.svg show it");
    Ok(())
}

fn curves(flights: &[(Fleet, Flight)], value: impl Fn(&Flight) -> Option<f64>) -> Vec<Curve> {
    let mut curves = Vec::new();
    for (pilot, colour) in [
        (Pilot::EveryTwoSeconds, "#d95f02"),
        (Pilot::Alone, "#7570b3"),
        (LEARNS, "#66a61e"),
        (TOLD, "#1b6ca8"),
    ] {
        for rate in RATES {
            let name = if rate == 1 { name(pilot) } else { "" };
            let dashes = match rate {
                1 => "",
                5 => "8 3",
                _ => "3 3",
            };
            let points = points(flights, pilot, rate, &value);
            curves.push(Curve { name: name.into(), colour, dashes, points });
        }
    }
    curves
}

fn points(
    flights: &[(Fleet, Flight)],
    pilot: Pilot,
    rate: u32,
    value: impl Fn(&Flight) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let flown = flights.iter().filter(|(fleet, _)| fleet.pilot == pilot && fleet.limit == rate);
    flown.filter_map(|(fleet, flight)| Some((fleet.exports as f64, value(flight)?))).collect()
}

/// The words of the command.
struct Words(Vec<String>);

impl Words {
    fn value(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|word| word == name)?;
        self.0.get(at + 1).map(String::as_str)
    }

    fn number<N: std::str::FromStr<Err: Error + 'static>>(
        &self,
        name: &str,
    ) -> Result<Option<N>, Box<dyn Error>> {
        Ok(self.value(name).map(str::parse).transpose()?)
    }

    /// A fleet with the seed and the faults that were asked for.
    fn fleet(&self, exports: usize, rate: u32, takes: Completion) -> Fleet {
        let seed = self.value("--seed").and_then(|seed| seed.parse().ok()).unwrap_or(1);
        let faults = self.value("--faults").and_then(|rate| rate.parse().ok()).unwrap_or(0.0);
        Fleet { seed, faults, ..Fleet::new(exports, rate, takes) }
    }
}
