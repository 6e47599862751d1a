// SPDX-License-Identifier: Apache-2.0
//! Text in 80 columns.

const COLUMNS: usize = 80;

/// Breaks `text` between words, so that each line has at most 80 columns after its indentation.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{:indent$}{word}", "")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_a_long_word_stands_alone() {
        let text = wrapped(&"word ".repeat(40), 6);
        assert!(text.lines().all(|line| line.len() <= 80 && line.starts_with("      word")), "{text}");
        assert_eq!(text.split_whitespace().count(), 40);
        assert_eq!(wrapped(&"x".repeat(90), 0), "x".repeat(90));
    }
}
