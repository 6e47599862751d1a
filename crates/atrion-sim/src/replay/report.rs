// SPDX-License-Identifier: Apache-2.0
//! A comparison in words, at most 80 columns wide.

use std::fmt::Write as _;

use atrion_core::Tier;

use super::{Changed, Comparison, Course, Stretch};
use crate::plot::{Curve, Plot};

impl Comparison {
    /// As a text of at most 80 columns that needs no colour.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.write_head(&mut out);
        self.write_table(&mut out);
        self.write_braking(&mut out);
        let _ = writeln!(out, "\n{}", self.plot().text());
        for note in &self.notes {
            wrap(&mut out, "note: ", note);
        }
        out
    }

    /// R as it was, in the model, and of the candidate.
    #[must_use]
    pub fn plot(&self) -> Plot {
        Plot {
            title: "R in ohms".to_owned(),
            step: 1.0,
            unit: "s".to_owned(),
            curves: vec![
                Curve::new("recorded", self.recorded.resistances()),
                Curve::new("model", self.model.resistances()),
                Curve::new("candidate", self.candidate.resistances()),
            ],
        }
    }

    fn write_head(&self, out: &mut String) {
        let Self { proof, service, .. } = self;
        let seconds = self.recorded.seconds.len();
        wrap(out, "route: ", &format!("{}, {seconds} s in {} pulses", shown(&self.route), proof.pulses));
        let proven = match proof.first_different {
            None => "every decision taken again is the same to the bit".to_owned(),
            Some(first) => format!(
                "{} of {} decisions taken again are the same; the first that is not is pulse {} with {:.1} ohms \
                 for {:.1}",
                proof.same, proof.pulses, first.pulse, first.now, first.recorded
            ),
        };
        wrap(out, "proof: ", &proven);
        let mut times: Vec<f64> = service.conditions.iter().map(|now| now.service).collect();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| 1000.0 * times[((times.len() - 1) as f64 * share) as usize];
        let most = if service.is_reached { "" } else { "at least " };
        let served = if times.is_empty() {
            String::new()
        } else {
            format!(", {:.1} ms a call ({:.1} to {:.1})", at(0.5), at(0.0), at(1.0))
        };
        wrap(
            out,
            "model: ",
            &format!(
                "a pool of {most}{} workers{served}; R is {:.1} ohms off in the mean",
                service.workers, self.misfit_ohm
            ),
        );
        for Changed { setting, from, to } in &self.changes {
            wrap(out, "change: ", &format!("{setting} {from} -> {to}"));
        }
        if self.changes.is_empty() {
            wrap(out, "change: ", "none, the candidate is the recorded configuration");
        }
    }

    fn columns(&self) -> [(&'static str, &Course); 3] {
        [("recorded", &self.recorded), ("model", &self.model), ("candidate", &self.candidate)]
    }

    fn write_table(&self, out: &mut String) {
        let (offered, _) = self.recorded.by_tier();
        let heads = self.columns().map(|(name, _)| name.to_owned());
        line(out, "\nshed, of requests", "requests", heads);
        for (at, tier) in Tier::ALL.into_iter().enumerate() {
            let shares = self.columns().map(|(_, course)| {
                let (offered, shed) = course.by_tier();
                percent(shed[at], offered[at])
            });
            line(out, &format!("  {}", tier.as_str()), &offered[at].to_string(), shares);
        }
        let all = offered.iter().sum::<u64>().to_string();
        line(out, "  all", &all, self.each(|course| format!("{:.1} %", 100.0 * course.shed_share())));
        line(
            out,
            "answered in time",
            "",
            self.each(|course| course.total(|second| second.answered).to_string()),
        );
        line(
            out,
            "answered too late",
            "",
            self.each(|course| course.total(|second| second.late).to_string()),
        );
        line(out, "failed", "", self.each(|course| course.total(|second| second.failed).to_string()));
        let refused =
            |course: &Course| course.braked().iter().map(|when| when.until - when.from).sum::<usize>();
        line(out, "seconds of braking", "", self.each(|course| refused(course).to_string()));
        let open = |course: &Course| course.seconds.iter().map(|second| second.open).sum::<f64>();
        line(out, "seconds of an open breaker", "", self.each(|course| format!("{:.1}", open(course))));
    }

    fn each(&self, of: impl Fn(&Course) -> String) -> [String; 3] {
        self.columns().map(|(_, course)| of(course))
    }

    fn write_braking(&self, out: &mut String) {
        out.push('\n');
        for (name, course) in self.columns() {
            let stretches = course.braked();
            let shown: Vec<_> = stretches
                .iter()
                .take(SHOWN)
                .map(|Stretch { from, until }| format!("{from}-{until} s"))
                .collect();
            let more = stretches.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(", and {more} times more") } else { String::new() };
            let when = if stretches.is_empty() { "never".to_owned() } else { shown.join(", ") };
            wrap(out, &format!("{name} braked: "), &format!("{when}{more}"));
        }
    }
}

fn line(out: &mut String, name: &str, requests: &str, columns: [String; 3]) {
    let [recorded, model, candidate] = columns;
    let _ = writeln!(out, "{name:<28}{requests:>10}{recorded:>14}{model:>14}{candidate:>14}");
}

/// How many times of braking are told.
const SHOWN: usize = 12;

fn percent(part: u64, of: u64) -> String {
    if of == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / of as f64) }
}

/// A name from a file: nothing in it may move the cursor, and no more of it than fits.
fn shown(name: &str) -> String {
    let plain: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    format!("{plain:?}")
}

/// Words after a label, in lines of 80 columns.
fn wrap(out: &mut String, label: &str, words: &str) {
    let indent = label.chars().count();
    let mut line = label.to_owned();
    let mut width = indent;
    for word in words.split_whitespace() {
        // A single word can be as long as a setting's value.
        let word: String = word.chars().take(80 - indent).collect();
        let long = word.chars().count();
        if width > indent && width + 1 + long > 80 {
            let _ = writeln!(out, "{}", line.trim_end());
            line = " ".repeat(indent);
            width = indent;
        }
        if width > indent {
            line.push(' ');
            width += 1;
        }
        line.push_str(&word);
        width += long;
    }
    let _ = writeln!(out, "{}", line.trim_end());
}
