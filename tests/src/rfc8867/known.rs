//! Rows that are known to be short: what docs/simulcast.md says of them.

use std::collections::BTreeMap;

/// By row and figure: what was recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    figures: BTreeMap<(String, String), f64>,
}

/// The heading under which the table stands.
const HEADING: &str = "## Rows that are short";

/// What was never reached.
const NEVER: &str = "never";

impl Known {
    /// Reads the table under `HEADING`: `| row | figure | recorded | reason |`. Without it nothing is known.
    ///
    /// # Errors
    /// Which line is wrong, and how: whoever wrote the document is at fault.
    pub fn read(document: &str) -> Result<Self, String> {
        let mut known = Self::default();
        let section = document.lines().skip_while(|line| line.trim() != HEADING).skip(1);
        let section = section.take_while(|line| !line.starts_with('#'));
        for line in section.filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [row, figure, recorded, reason] = cells[..] else {
                return Err(format!("{line}: not four cells"));
            };
            if recorded == "recorded" || recorded.starts_with('-') && recorded.ends_with('-') {
                continue;
            }
            let recorded = if recorded == NEVER {
                f64::INFINITY
            } else {
                recorded.parse::<f64>().map_err(|error| format!("{line}: {error}"))?
            };
            if reason.is_empty() {
                return Err(format!("{line}: without a reason"));
            }
            let before = known.figures.insert((row.to_owned(), figure.to_owned()), recorded);
            if before.is_some() {
                return Err(format!("{line}: twice"));
            }
        }
        Ok(known)
    }

    /// What was recorded of a figure.
    #[must_use]
    pub fn recorded(&self, row: &str, figure: &str) -> Option<f64> {
        self.figures.get(&(row.to_owned(), figure.to_owned())).copied()
    }

    /// Entries that name no figure of `exists`: the table is older than the rows.
    #[must_use]
    pub fn stale(&self, exists: impl Fn(&str, &str) -> bool) -> Vec<String> {
        let names = self.figures.keys().filter(|(row, figure)| !exists(row, figure));
        names.map(|(row, figure)| format!("{row}: {figure}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# Simulcast\n\n| a | b | c | d |\n\n## Rows that are short\n\nWhy.\n\n\
        | row | figure | recorded | reason |\n|---|---|---|---|\n\
        | 5.2 times | drain at 75 s | never | the queue is full |\n| S2 | middle % | 82.5 | noise |\n\n\
        ## After\n\n| S3 | up s | 9 | no |\n";

    #[test]
    fn the_table_under_the_heading_is_read_and_no_other() {
        let known = Known::read(DOCUMENT).expect("right");
        assert_eq!(known.recorded("5.2 times", "drain at 75 s"), Some(f64::INFINITY));
        assert_eq!(known.recorded("S2", "middle %"), Some(82.5));
        assert_eq!(known.recorded("S3", "up s"), None);
        assert_eq!(known.stale(|row, _| row == "S2"), ["5.2 times: drain at 75 s"]);
        assert_eq!(Known::read("# nothing"), Ok(Known::default()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let with = |line: &str| Known::read(&format!("{HEADING}\n{line}\n")).expect_err("wrong");
        assert!(with("| S2 | middle % | 82 |").contains("four cells"));
        assert!(with("| S2 | middle % | x | y |").contains("invalid float"));
        assert!(with("| S2 | middle % | 82 | |").contains("reason"));
        assert!(with("| S2 | a | 1 | y |\n| S2 | a | 1 | y |").contains("twice"));
    }
}
