//! Many runs on all cores: which cases, which seeds, and the figures that come of them.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::algorithm::Algorithm;
use super::case::{Case, Picture};
use super::metrics::Run;
use super::plot::Plot;
use super::rows::Row;
use super::rows::bar::MANY;
use super::trace::Moment;
use super::world;

/// What to run.
#[derive(Debug)]
pub struct Study<'a> {
    /// The cases.
    pub cases: &'a [Case],
    /// Figures of other cases are not computed.
    pub rows: &'a [Row],
    /// Whom to measure.
    pub algorithms: &'a [Algorithm],
    /// Those asked for.
    pub seeds: RangeInclusive<u64>,
    /// In place of what the cases say of link 0.
    pub trace: &'a [Moment],
    /// Whether to keep what there is to see of the first seed.
    pub plots: bool,
}

/// The figures of one run: row, figure, value.
type Figures = Vec<(usize, usize, f64)>;

/// Which figure of whom: row, figure, algorithm.
type Key = (usize, usize, usize);

/// What came of it.
#[derive(Debug, Default)]
pub struct Results {
    /// By seed.
    figures: BTreeMap<Key, BTreeMap<u64, f64>>,
    /// By case and algorithm.
    pub plots: BTreeMap<(usize, usize), Plot>,
}

#[derive(Clone, Copy, Debug)]
struct Job {
    case: usize,
    algorithm: usize,
    seed: u64,
}

struct Done {
    job: Job,
    figures: Figures,
    plot: Option<Plot>,
}

impl Study<'_> {
    /// Runs everything. `progress` is told how many runs are done, of how many, and what the last one was.
    ///
    /// # Panics
    /// If a run does.
    pub fn run(&self, mut progress: impl FnMut(usize, usize, &str)) -> Results {
        let jobs = self.jobs();
        let next = AtomicUsize::new(0);
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(jobs.len());
        let (sender, receiver) = sync_channel(threads);
        let mut results = Results::default();
        thread::scope(|scope| {
            for _ in 0..threads {
                let (sender, jobs, next) = (sender.clone(), &jobs, &next);
                scope.spawn(move || self.work(jobs, next, &sender));
            }
            drop(sender);
            for (done, Done { job, figures, plot }) in (1..).zip(receiver) {
                progress(done, jobs.len(), self.cases[job.case].name);
                for (row, figure, value) in figures {
                    let seeds = results.figures.entry((row, figure, job.algorithm)).or_default();
                    seeds.insert(job.seed, value);
                }
                if let Some(plot) = plot {
                    results.plots.insert((job.case, job.algorithm), plot);
                }
            }
        });
        results
    }

    /// Longest first, so that no core waits long for another in the end.
    fn jobs(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        let (first, last) = (*self.seeds.start(), *self.seeds.end());
        for (case, plan) in self.cases.iter().enumerate() {
            let rows = self.rows.iter().filter(|row| row.case == plan.name);
            let needs_many =
                rows.flat_map(|row| &row.figures).any(|figure| figure.judged.needs_many());
            let is_of_many = plan.flows.iter().any(|flow| matches!(flow.picture, Picture::Many(_)));
            for (algorithm, whose) in self.algorithms.iter().enumerate() {
                // Many publications are an allocator's case: the reference has none.
                if is_of_many && *whose == Algorithm::Reference {
                    continue;
                }
                let many = needs_many && *whose != Algorithm::Reference;
                let last = if many { last.max(first + MANY - 1) } else { last };
                jobs.extend((first..=last).map(|seed| Job { case, algorithm, seed }));
            }
        }
        jobs.sort_by_key(|job| {
            let case = &self.cases[job.case];
            std::cmp::Reverse(case.seconds * (case.flows.len() as u64 + case.shorts / 10))
        });
        jobs
    }

    fn work(&self, jobs: &[Job], next: &AtomicUsize, sender: &SyncSender<Done>) {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let case = &self.cases[job.case];
            let record = world::run(case, self.algorithms[job.algorithm], job.seed, self.trace);
            let run = Run { case, record: &record };
            let plot = (self.plots && job.seed == *self.seeds.start()).then(|| Plot::of(run));
            let done = Done { job, figures: self.figures(run), plot };
            if sender.send(done).is_err() {
                return;
            }
        }
    }

    fn figures(&self, run: Run<'_>) -> Figures {
        let rows = self.rows.iter().enumerate().filter(|(_, row)| row.case == run.case.name);
        rows.flat_map(|(place, row)| {
            let figures = row.figures.iter().enumerate();
            figures.map(move |(number, figure)| (place, number, figure.measure.of(run)))
        })
        .collect()
    }
}

impl Results {
    /// The values of a figure in the order of their seeds; none where its case was not run.
    #[must_use]
    pub fn values(&self, row: usize, figure: usize, algorithm: usize) -> Vec<f64> {
        let seeds = self.figures.get(&(row, figure, algorithm));
        seeds.map(|seeds| seeds.values().copied().collect()).unwrap_or_default()
    }
}
