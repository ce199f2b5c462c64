//! Simulates batches of up to a million exports in virtual time, and compares the time that they
//! take with a lower bound. Run by `cargo xtask simulate`.
//!
//! Without arguments, prints all tables and writes the plots. With `--exports` or `--rate`, runs
//! only these batches.

use std::error::Error;
use std::fs;
use std::ops::Range;
use std::time::Duration;

use allocation_counter::measure;
use conformance::batch_sim::{
    BatchReport, BatchSim, Curve, LimitKnowledge, Strategy, plot, waiting_jobs,
};
use export_sim::Completion;

const KNOWN: Strategy = Strategy::Paced(LimitKnowledge::Known);
const LEARNING: Strategy = Strategy::Paced(LimitKnowledge::Unknown);
const LEARNED: Strategy = Strategy::Paced(LimitKnowledge::LearnedEarlier);
const STRATEGIES: [Strategy; 5] =
    [KNOWN, LEARNED, LEARNING, Strategy::Independent, Strategy::FixedInterval];

const RATES: [u32; 3] = [1, 5, 50];
const SIZES: [usize; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// The maximum number of exports without a pacer. The number of their requests grows faster than
/// the number of exports, so that larger batches would take too long.
const MAX_UNPACED: usize = 10_000;

/// The default time that an export takes.
const DURATION: Completion = Completion::Exponential(Duration::from_secs(20));

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args(std::env::args().skip(1).collect());
    let exports: Option<usize> = args.number("--exports")?;
    let rate: Option<u32> = args.number("--rate")?;
    let duration = args.value("--duration").map_or(Ok(DURATION), str::parse)?;
    if exports.is_some() || rate.is_some() {
        header(&format!("exports that take {duration}"));
        for rate in rate.map_or_else(|| RATES.to_vec(), |rate| vec![rate]) {
            for exports in exports.map_or_else(|| SIZES.to_vec(), |exports| vec![exports]) {
                all_strategies(exports, rate, duration, &args);
            }
        }
        return Ok(());
    }
    match args.value("--only") {
        Some("nights") => nights(&args, args.value("--plots").unwrap_or("docs"))?,
        Some("distributions") => distributions(&args),
        Some("faults") => faults(&args),
        Some("memory") => memory(),
        _ => everything(&args)?,
    }
    Ok(())
}

/// All tables and plots.
fn everything(args: &Args) -> Result<(), Box<dyn Error>> {
    let folder = args.value("--plots").unwrap_or("docs");
    let reports = sizes(args);
    nights(args, folder)?;
    distributions(args);
    faults(args);
    memory();
    draw(&reports, folder)
}

/// All strategies for one batch.
fn all_strategies(exports: usize, rate: u32, duration: Completion, args: &Args) {
    for strategy in STRATEGIES {
        let is_unpaced = matches!(strategy, Strategy::Independent | Strategy::FixedInterval);
        if !is_unpaced || exports <= MAX_UNPACED {
            let sim = BatchSim { strategy, ..args.sim(exports, rate, duration) };
            show(name(strategy), &sim, &sim.run());
        }
    }
}

/// All sizes at all rate limits.
fn sizes(args: &Args) -> Vec<(BatchSim, BatchReport)> {
    header(&format!("all sizes and rate limits, exports that take {DURATION}"));
    let mut reports = Vec::new();
    for rate in RATES {
        for exports in SIZES {
            for strategy in STRATEGIES {
                let max = match strategy {
                    Strategy::Paced(LimitKnowledge::Known) => usize::MAX,
                    Strategy::Paced(..) => 100_000,
                    Strategy::Independent | Strategy::FixedInterval => MAX_UNPACED,
                };
                // Ten thousand loops that poll every two seconds for three hours are too slow.
                let is_too_slow =
                    strategy == Strategy::FixedInterval && exports / rate as usize > 2_000;
                if exports > max || is_too_slow {
                    continue;
                }
                let sim = BatchSim { strategy, ..args.sim(exports, rate, DURATION) };
                let report = sim.run();
                show(name(strategy), &sim, &report);
                reports.push((sim, report));
            }
        }
    }
    reports
}

/// 1,000 exports on a first night, whose limit is not known, and on the second one. Plots the makespan by
/// the limit.
fn nights(args: &Args, folder: &str) -> Result<(), Box<dyn Error>> {
    header(&format!("1,000 exports that take {DURATION}, first and second night"));
    let mut curves = [
        ("first night", "#66a61e", ""),
        ("second night", "#1b6ca8", "8 3"),
        ("lower bound", "#000", "1 4"),
    ]
    .map(|(name, colour, dashes)| Curve::new(name, colour, dashes));
    for rate in [1, 2, 5, 10, 20, 50] {
        for (night, strategy) in [LEARNING, LEARNED].into_iter().enumerate() {
            let sim = BatchSim { strategy, ..args.sim(1_000, rate, DURATION) };
            let report = sim.run();
            show(name(strategy), &sim, &report);
            let makespan = report.makespan.unwrap_or_default().as_secs_f64();
            curves[night].points.push((rate.into(), makespan));
            if strategy == LEARNED {
                curves[2].points.push((rate.into(), report.bound.as_secs_f64()));
            }
        }
    }
    let marks = [(60.0, "1 min"), (300.0, "5 min"), (600.0, "10 min"), (3_600.0, "1 h")];
    let title = "Time to the last of 1,000 files, by the limit of polls per second";
    fs::write(format!("{folder}/nights.svg"), plot(title, "polls per second", &marks, &curves))?;
    println!("\nwrote {folder}/nights.svg");
    Ok(())
}

fn distributions(args: &Args) {
    header("1,000 exports at 5/s, by the time that they take");
    for duration in ["0s", "30s", "10s..50s", "~20s", "~60s", "3m..10m"] {
        let Ok(duration) = duration.parse() else { continue };
        let sim = args.sim(1_000, 5, duration);
        show(&duration.to_string(), &sim, &sim.run());
    }
}

fn faults(args: &Args) {
    header("1,000 exports at 5/s, with faults and latency");
    let sim = args.sim(1_000, 5, DURATION);
    let millis =
        |range: Range<u64>| Duration::from_millis(range.start)..Duration::from_millis(range.end);
    let latency = BatchSim { latency: millis(20..200), ..sim.clone() };
    let faults = BatchSim { faults: 0.03, ..sim.clone() };
    let throttled = BatchSim { throttled: vec![30..60, 100..160], ..sim.clone() };
    let learning = |sim: &BatchSim| BatchSim { strategy: LEARNING, ..sim.clone() };
    let all = BatchSim { faults: 0.03, throttled: throttled.throttled.clone(), ..latency.clone() };
    for (name, sim) in [
        ("no faults", sim.clone()),
        ("3 % faults", faults.clone()),
        ("two periods of 429", throttled.clone()),
        ("latency 20 to 200 ms", latency.clone()),
        ("faults, latency", BatchSim { faults: 0.03, ..latency.clone() }),
        ("429, latency", BatchSim { throttled: throttled.throttled.clone(), ..latency.clone() }),
        ("faults, 429, latency", all.clone()),
        ("no faults, learning", learning(&sim)),
        ("3 % faults, learning", learning(&faults)),
        ("429, learning", learning(&throttled)),
        ("latency, learning", learning(&latency)),
        ("all, learning", learning(&all)),
    ] {
        show(name, &sim, &sim.run());
    }
}

/// The memory of a million waiting jobs.
fn memory() {
    const JOBS: usize = 1_000_000;
    let mut batch = None;
    let memory = measure(|| batch = Some(waiting_jobs(JOBS)));
    println!("\n## memory\n");
    println!(
        "{JOBS} waiting jobs in a batch: {} bytes per job",
        memory.bytes_current / JOBS as i64
    );
    drop(batch);
    // The peak of the whole process, including the simulator.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find_map(|line| line.strip_prefix("VmHWM:")) {
        println!("peak memory of the process, including the simulator: {}", peak.trim());
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
        "lateness",
        "min",
        "polls",
        "429s",
        "last 429",
        "failed",
        "CPU/job"
    );
}

fn show(name: &str, sim: &BatchSim, report: &BatchReport) {
    let bound = report.bound.as_secs_f64();
    let seconds = |time: Option<Duration>| {
        time.map_or_else(|| "-".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
    };
    let makespan = seconds(report.makespan);
    let over = report.makespan.map_or_else(String::new, |makespan| {
        format!("{:+.1} %", (makespan.as_secs_f64() / bound - 1.0) * 100.0)
    });
    // The polling loop does not record the completion times that these values depend on.
    let if_recorded = |text: String| {
        if sim.strategy == Strategy::FixedInterval { "-".to_owned() } else { text }
    };
    println!(
        "{:>9} {:>3}/s  {name:<22} {makespan:>11} {:>11} {:>8} {:>9} {:>9} {:>9} {:>9} {:>10} {:>6} {:>8}",
        sim.exports,
        sim.rate_limit,
        if_recorded(seconds(Some(report.bound))),
        if_recorded(over),
        if_recorded(seconds(Some(report.lateness))),
        if_recorded(seconds(Some(report.min_lateness))),
        report.polls,
        report.throttled,
        seconds(report.last_throttled),
        report.failed,
        cpu_per_job(sim, report),
    );
}

/// The CPU time for each export, if there are enough exports to measure it.
fn cpu_per_job(sim: &BatchSim, report: &BatchReport) -> String {
    if sim.exports < 1_000 {
        return "-".to_owned();
    }
    format!("{:.0} us", report.client_cpu.as_secs_f64() * 1e6 / sim.exports as f64)
}

const fn name(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Paced(LimitKnowledge::Known) => "paced, limit known",
        Strategy::Paced(LimitKnowledge::LearnedEarlier) => "paced, limit learned",
        Strategy::Paced(LimitKnowledge::Unknown) => "paced, learning",
        Strategy::Independent => "independent jobs",
        Strategy::FixedInterval => "poll every 2 s",
    }
}

/// Plots the makespan and the requests per file by the number of exports.
fn draw(reports: &[(BatchSim, BatchReport)], folder: &str) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let makespan = |report: &BatchReport| report.makespan.map(|makespan| makespan.as_secs_f64());
    let mut times = curves(reports, makespan);
    for rate in RATES {
        let bound = |report: &BatchReport| Some(report.bound.as_secs_f64());
        let name = if rate == 1 { "lower bound" } else { "" };
        let points = points(reports, KNOWN, rate, bound);
        times.push(Curve::new(name, "#000", "1 4").with_points(points));
    }
    let marks = [
        (60.0, "1 min"),
        (600.0, "10 min"),
        (3_600.0, "1 h"),
        (36_000.0, "10 h"),
        (86_400.0 * 10.0, "10 days"),
    ];
    let title = "Time to the last file, with limits of 1, 5 and 50 polls per second";
    fs::write(format!("{folder}/makespan.svg"), plot(title, "exports", &marks, &times))?;

    let requests = |report: &BatchReport| Some(report.requests as f64 / report.files.max(1) as f64);
    let marks = [(3.0, "3"), (10.0, "10"), (30.0, "30"), (100.0, "100"), (300.0, "300")];
    let title = "Requests per file, with limits of 1, 5 and 50 polls per second";
    let svg = plot(title, "exports", &marks, &curves(reports, requests));
    fs::write(format!("{folder}/requests-per-file.svg"), svg)?;
    println!("\nwrote {folder}/makespan.svg and {folder}/requests-per-file.svg");
    Ok(())
}

fn curves(
    reports: &[(BatchSim, BatchReport)],
    value: impl Fn(&BatchReport) -> Option<f64>,
) -> Vec<Curve> {
    let mut curves = Vec::new();
    for (strategy, colour) in [
        (Strategy::FixedInterval, "#d95f02"),
        (Strategy::Independent, "#7570b3"),
        (LEARNING, "#66a61e"),
        (KNOWN, "#1b6ca8"),
    ] {
        for rate in RATES {
            let name = if rate == 1 { name(strategy) } else { "" };
            let dashes = match rate {
                1 => "",
                5 => "8 3",
                _ => "3 3",
            };
            let points = points(reports, strategy, rate, &value);
            curves.push(Curve::new(name, colour, dashes).with_points(points));
        }
    }
    curves
}

fn points(
    reports: &[(BatchSim, BatchReport)],
    strategy: Strategy,
    rate: u32,
    value: impl Fn(&BatchReport) -> Option<f64>,
) -> Vec<(f64, f64)> {
    let matching =
        reports.iter().filter(|(sim, _)| sim.strategy == strategy && sim.rate_limit == rate);
    matching.filter_map(|(sim, report)| Some((sim.exports as f64, value(report)?))).collect()
}

/// The command line arguments.
struct Args(Vec<String>);

impl Args {
    fn value(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|arg| arg == name)?;
        self.0.get(at + 1).map(String::as_str)
    }

    fn number<N: std::str::FromStr<Err: Error + 'static>>(
        &self,
        name: &str,
    ) -> Result<Option<N>, Box<dyn Error>> {
        Ok(self.value(name).map(str::parse).transpose()?)
    }

    /// A simulation with the seed and the faults from the arguments.
    fn sim(&self, exports: usize, rate: u32, duration: Completion) -> BatchSim {
        let seed = self.value("--seed").and_then(|seed| seed.parse().ok()).unwrap_or(1);
        let faults = self.value("--faults").and_then(|rate| rate.parse().ok()).unwrap_or(0.0);
        BatchSim { seed, faults, ..BatchSim::new(exports, rate, duration) }
    }
}
