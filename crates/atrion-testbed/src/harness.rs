// SPDX-License-Identifier: Apache-2.0
//! The `main` of a test target that needs servers: libtest's command line, with tests that can be
//! ignored at run time.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{Availability, Server, availability};

/// A test with its name; [`tests!`](crate::tests) makes them.
#[derive(Clone, Copy)]
pub struct Test {
    name: &'static str,
    body: fn() -> Pin<Box<dyn Future<Output = ()>>>,
    cannot: fn() -> Option<String>,
}

impl Test {
    /// A test of this name.
    #[must_use]
    pub const fn new(name: &'static str, body: fn() -> Pin<Box<dyn Future<Output = ()>>>) -> Self {
        Self { name, body, cannot: || None }
    }

    /// Ignored on machines where this gives a reason: what the test needs and is not there.
    #[must_use]
    pub const fn unless(mut self, cannot: fn() -> Option<String>) -> Self {
        self.cannot = cannot;
        self
    }
}

impl std::fmt::Debug for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[doc(hidden)]
#[macro_export]
macro_rules! __server_tests {
    ($($test:path $(=> unless $cannot:path)?),* $(,)?) => {
        vec![$($crate::Test::new(stringify!($test), || Box::pin($test()))$(.unless($cannot))?),*]
    };
}

/// Runs the tests as libtest does, each on a tokio runtime of its own with two workers. Where a
/// needed server is missing they are ignored, or fail; the crate's documentation says when. A panic
/// in a task of the runtime fails the run, also if the test does not await the task.
#[must_use]
pub fn run(needs: &[Server], tests: Vec<Test>) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut ignored = None;
    let mut failed = None;
    for server in needs {
        match availability(*server) {
            Availability::Ready(_) => {}
            Availability::Ignored(why) => ignored = Some(why),
            Availability::Required(why) => failed = Some(why.to_string()),
        }
    }
    if let Some(why) = &ignored {
        eprintln!("ignored: {} tests that need a server: {why}", tests.len());
    }
    let trials = tests
        .into_iter()
        .map(|test| {
            let cannot = (test.cannot)();
            if let Some(why) = cannot.as_ref().filter(|_| ignored.is_none()) {
                eprintln!("ignored: {}: {why}", test.name);
            }
            let failed = failed.clone();
            let body = move || failed.map_or_else(|| perform(&test), |why| Err(Failed::from(why)));
            Trial::test(test.name, body).with_ignored_flag(ignored.is_some() || cannot.is_some())
        })
        .collect();
    count_panics();
    let outcome = libtest_mimic::run(&arguments, trials).exit_code();
    match PANICS.load(Ordering::SeqCst) {
        0 => outcome,
        panics => {
            eprintln!("{panics} panics in tasks beside the tests: no test awaited them");
            ExitCode::FAILURE
        }
    }
}

/// Panics of tasks: the runtime catches them, and a test that does not await its task would pass.
static PANICS: AtomicUsize = AtomicUsize::new(0);

const WORKER: &str = "test-runtime";

fn count_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some(WORKER) {
            PANICS.fetch_add(1, Ordering::SeqCst);
        }
        usual(panic);
    }));
}

fn perform(test: &Test) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(WORKER)
        .enable_all()
        .build()?;
    // A panic unwinds into the harness, which reports it as the test's failure.
    runtime.block_on((test.body)());
    Ok(())
}
