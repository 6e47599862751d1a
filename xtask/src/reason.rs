// SPDX-License-Identifier: Apache-2.0
//! An error and its causes, on one line.

/// The messages of all causes. An error that states its cause in its own words is not followed by
/// that cause again.
pub(crate) fn of(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        _ if said.contains(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use atrion_engine::recording::Recorded;

    #[test]
    fn a_cause_is_told_once() {
        let missing = Recorded::open("no such file").context("incident.ndjson").unwrap_err();
        let told = super::of(&missing);
        assert!(told.starts_with("incident.ndjson: cannot read the recording: "), "{told}");
        assert_eq!(told.matches("os error 2").count(), 1, "{told}");
    }
}
