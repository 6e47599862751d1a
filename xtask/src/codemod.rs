// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask codemod PATH`: takes a Rust tree from version 1 to version 2 (`docs/migration-v1-v2.md`).
//!
//! The free function `update_physics` becomes the method of an `Atrion` instance where the rewrite can be proven from the
//! file alone, and gets a comment that says what is missing where it cannot. Nothing else of a file is touched: what
//! changes is text at the places that the parser names, so formatting and comments stay. Run twice, it changes nothing.

mod edit;
mod files;
mod prove;
mod scope;
mod walk;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files or folders; of folders every `.rs` below, but nothing in `target` or hidden.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Change nothing; fail if there is something to change.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    told: Told,
}

/// What the caller knows and no file says.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Told {
    /// An expression for the instance that is valid wherever no `Atrion` is in scope, such as `crate::atrion()`.
    #[arg(long, value_name = "EXPR")]
    instance: Option<String>,
    /// The name of the route for states that are not kept by route.
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
}

/// What was done in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    rewritten: usize,
    noted: usize,
    /// Uses that had their comment already.
    known: usize,
}

pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut total = Done::default();
    let mut unread = 0;
    for path in files::below(&args.paths)? {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let (new, done) = match migrate(&text, &args.told) {
            Ok(result) => result,
            Err(error) => {
                unread += usize::from(text.contains("update_physics"));
                eprintln!("{}: left alone, it does not parse: {error}", path.display());
                continue;
            }
        };
        let Done { rewritten, noted, known } = done;
        if rewritten + noted + known > 0 {
            println!("{}: {rewritten} rewritten, {noted} noted, {known} noted before", path.display());
        }
        if new != text && !args.check {
            std::fs::write(&path, new).with_context(|| path.display().to_string())?;
        }
        total.rewritten += rewritten;
        total.noted += noted;
        total.known += known;
    }
    let Done { rewritten, noted, known } = total;
    println!("{rewritten} rewritten, {noted} noted, {known} noted before");
    let is_pending = args.check && rewritten + noted > 0;
    Ok(if is_pending || unread > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The text of a file in version 2. What was not parsed is an error and not a guess.
pub(crate) fn migrate(text: &str, told: &Told) -> syn::Result<(String, Done)> {
    // Most files have nothing to do with it, and parsing is what costs.
    if !text.contains("update_physics") {
        return Ok((text.to_owned(), Done::default()));
    }
    let file = syn::parse_file(text)?;
    let mut walk = walk::Walk::new(text, told);
    walk.file(&file);
    Ok(edit::apply(text, walk.finish()))
}
