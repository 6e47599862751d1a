// SPDX-License-Identifier: Apache-2.0
//! The loop of the smoke run: pick, mutate, run, keep the inputs with a new label.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use atrion_fuzz::Target;
use atrion_fuzz::random::Random;

pub struct Engine {
    target: Box<dyn Target>,
    random: Random,
    corpus: Vec<Vec<u8>>,
    /// The folder of the corpus and of the findings.
    folder: PathBuf,
    /// The number of inputs by label: how far they came.
    labels: BTreeMap<String, u64>,
    runs: u64,
    took: Duration,
    slowest: Duration,
}

/// An input that takes longer is a finding: a sender could stop a service with it.
const TOO_SLOW: Duration = Duration::from_millis(500);
const CORPUS: usize = 4_096;

impl Engine {
    /// Starts from the seeds of the target and the corpus of earlier runs.
    pub fn new(target: Box<dyn Target>, folder: &Path, seed: u64) -> anyhow::Result<Self> {
        let mut corpus = target.seeds();
        let kept = folder.join("corpus").join(target.name());
        if kept.exists() {
            let mut paths: Vec<_> =
                fs::read_dir(&kept)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
            paths.sort();
            for path in paths {
                corpus.push(fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
            }
        }
        Ok(Self {
            target,
            random: Random::new(seed),
            corpus,
            folder: folder.to_owned(),
            labels: BTreeMap::new(),
            runs: 0,
            took: Duration::ZERO,
            slowest: Duration::ZERO,
        })
    }

    /// Runs until the limit, or until a finding.
    pub fn run(&mut self, limit: Duration) -> Result<(), String> {
        let begin = Instant::now();
        for input in self.corpus.clone() {
            self.judge(&input, false)?;
        }
        while begin.elapsed() < limit {
            for _ in 0..64 {
                let input = self.draw();
                self.judge(&input, true)?;
            }
            self.took = begin.elapsed();
        }
        Ok(())
    }

    fn draw(&mut self) -> Vec<u8> {
        let one = self.random.below(self.corpus.len());
        let other = self.random.below(self.corpus.len());
        let empty = Vec::new();
        let one = self.corpus.get(one).unwrap_or(&empty);
        let other = self.corpus.get(other).unwrap_or(&empty);
        self.target.mutate(one, other, &mut self.random)
    }

    fn judge(&mut self, input: &[u8], keep: bool) -> Result<(), String> {
        let begin = Instant::now();
        let label = catch_unwind(AssertUnwindSafe(|| self.target.run(input)));
        let took = begin.elapsed();
        self.runs += 1;
        self.slowest = self.slowest.max(took);
        let Ok(label) = label else { return Err(self.found(input, "it panicked")) };
        if took > TOO_SLOW {
            return Err(self.found(input, &format!("it took {} ms", took.as_millis())));
        }
        let seen = self.labels.entry(label).or_default();
        *seen += 1;
        if *seen == 1 && keep && self.corpus.len() < CORPUS {
            self.corpus.push(input.to_vec());
            // If saving fails, the next run starts from fewer inputs.
            let _ = self.save("corpus", input);
        }
        Ok(())
    }

    fn found(&self, input: &[u8], what: &str) -> String {
        match self.save("artifacts", input) {
            Err(error) => format!("{what}; the input could not be saved ({error}): {input:?}"),
            Ok(path) => {
                let (name, path) = (self.target.name(), path.display());
                format!("{what}; repeat with: cargo xtask fuzz {name} --smoke --replay {path}")
            }
        }
    }

    fn save(&self, kind: &str, input: &[u8]) -> std::io::Result<PathBuf> {
        let folder = self.folder.join(kind).join(self.target.name());
        fs::create_dir_all(&folder)?;
        let mut hash = DefaultHasher::new();
        input.hash(&mut hash);
        let path = folder.join(format!("{:016x}", hash.finish()));
        fs::write(&path, input)?;
        Ok(path)
    }

    pub fn report(&self) -> String {
        let seconds = self.took.as_secs_f64();
        let rate = if seconds > 0.0 { self.runs as f64 / seconds } else { 0.0 };
        let mut text = format!(
            "{} inputs in {seconds:.1} s, {rate:.0} per second; {} kept, {} labels, slowest {} us\n",
            self.runs,
            self.corpus.len(),
            self.labels.len(),
            self.slowest.as_micros()
        );
        let mut labels: Vec<_> = self.labels.iter().collect();
        labels.sort_by(|a, b| b.1.cmp(a.1));
        for (label, count) in labels.iter().take(40) {
            let _ = writeln!(text, "{count:>12}  {label}");
        }
        if labels.len() > 40 {
            let _ = writeln!(text, "              and {} rarer ones", labels.len() - 40);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics on inputs that begin with three letters; its label tells how many are right.
    struct Riddle;

    impl Target for Riddle {
        fn new() -> Self {
            Self
        }

        fn name(&self) -> &'static str {
            "riddle"
        }

        fn seeds(&self) -> Vec<Vec<u8>> {
            vec![b"a1".to_vec()]
        }

        fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
            atrion_fuzz::mutate::bytes(input, &[], other, random)
        }

        fn run(&self, input: &[u8]) -> String {
            let right = input.iter().zip(b"xyz").take_while(|(a, b)| a == b).count();
            assert!(right < 3, "solved");
            format!("{right} right")
        }
    }

    #[test]
    fn labels_lead_to_a_rare_finding_and_it_is_saved() {
        let folder = std::env::temp_dir().join(format!("atrion-fuzz-{}", std::process::id()));
        let mut engine = Engine::new(Box::new(Riddle), &folder, 7).unwrap();
        let finding = engine.run(Duration::from_secs(60)).unwrap_err();
        assert!(finding.contains("it panicked") && finding.contains("--replay"), "{finding}");
        assert!(engine.runs < 3_000_000, "chance alone needs 16 million inputs: {}", engine.runs);
        assert_eq!(fs::read_dir(folder.join("artifacts/riddle")).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
