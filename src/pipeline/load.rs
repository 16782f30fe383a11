//! Reads the pipelines folder and its contracts. The only I/O of this module.

use std::fs;
use std::path::{Path, PathBuf};

use super::diagnostics::{Diagnostics, Problem, SourceFile, Span};
use super::pipelines::{NamedFile, Pipelines, compile_all};

/// Reads every `*.yaml` under `pipelines` and every `*.avsc` under `contracts`, and compiles them.
pub fn load(pipelines: &Path, contracts: &Path) -> Result<Pipelines, Diagnostics> {
    let mut problems = Vec::new();
    let contract_files = read_folder(contracts, "avsc", &mut problems);
    let pipeline_files = read_folder(pipelines, "yaml", &mut problems);
    if pipeline_files.is_empty() && problems.is_empty() {
        let folder = SourceFile::new(pipelines, "");
        let advice = "write one YAML file per node label and relationship type";
        problems.push(Problem::new(&folder, Span::default(), "there are no pipelines", advice));
    }
    compile_all(pipeline_files, contract_files, problems)
}

/// The files of a folder with an extension, by name. What can't be read is reported.
fn read_folder(folder: &Path, extension: &str, problems: &mut Vec<Problem>) -> Vec<NamedFile> {
    let mut report = |path: &Path, message: String, advice: &str| {
        problems.push(Problem::new(&SourceFile::new(path, ""), Span::default(), message, advice));
    };
    let mut paths: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => {
            let advice = "check `paths` in the configuration, and the directory that the command runs in";
            report(folder, format!("can't be read: {error}"), advice);
            return Vec::new();
        }
    };
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let found = path.extension().and_then(|found| found.to_str()).unwrap_or_default();
        if extension == "yaml" && found == "yml" {
            report(&path, "is not looked at".to_owned(), "rename it to `.yaml`");
        }
        if found != extension || !path.is_file() {
            continue;
        }
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        match fs::read_to_string(&path) {
            Ok(text) => files.push((name, SourceFile::new(path, text))),
            Err(error) => report(&path, format!("can't be read: {error}"), "make it readable text in UTF-8"),
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::pipeline::testing;

    #[test]
    fn the_shipped_pipelines_compile_and_pass_their_tests() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let pipelines = load(&root.join("pipelines"), &root.join("schemas/contracts"))
            .unwrap_or_else(|diagnostics| panic!("{}", diagnostics.render(110, false)));
        let report = testing::run(pipelines.all());
        assert!(report.passed(), "{report}");
        assert!(report.cases.len() > 40, "{report}");
    }
}
