//! The page: style, library, script and data in one file.

use crate::report::{POLICY, escape};

const BODY: &str = include_str!("../page/body.html");
const STYLE: &str = concat!(include_str!("../page/style.css"), include_str!("../page/tables.css"));
const LIBRARY: &str = include_str!("../../../assets/uplot/uPlot.iife.min.js");
const LIBRARY_STYLE: &str = include_str!("../../../assets/uplot/uPlot.min.css");
const LIBRARY_LICENCE: &str = include_str!("../../../assets/uplot/LICENSE");
/// Parts of one script: what comes first is used by what comes later.
const SCRIPT: &str = concat!(
    include_str!("../page/elements.js"),
    include_str!("../page/words.js"),
    include_str!("../page/theme.js"),
    include_str!("../page/choice.js"),
    include_str!("../page/chart.js"),
    include_str!("../page/overview.js"),
    include_str!("../page/runtimes.js"),
    include_str!("../page/convergence.js"),
    include_str!("../page/models.js"),
    include_str!("../page/cost.js"),
    include_str!("../page/optimizer.js"),
    include_str!("../page/main.js"),
);

/// The page about a suite, with data in JSON.
pub(super) fn html(suite: &str, json: &str) -> String {
    let title = escape(&format!("moths bench: {suite}"));
    let data = inert(json);
    let library = without_banner(LIBRARY);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<title>{title}</title>\n\
         <style>\n{LIBRARY_STYLE}\n{STYLE}</style>\n</head>\n<body>\n{BODY}\
         <script type=\"application/json\" id=\"data\">{data}</script>\n\
         <!-- The charts are drawn by uPlot 1.6.32.\n\n{LIBRARY_LICENCE}\n-->\n<script>{library}</script>\n\
         <script>\n(() => {{\n\"use strict\";\n{SCRIPT}}})();\n</script>\n</body>\n</html>\n"
    )
}

/// JSON that says the same and cannot end the element it stands in.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// The library's first comment is an address, and the page is to hold none.
fn without_banner(library: &str) -> &str {
    library.split_once("*/").map_or(library, |(_, code)| code.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_leave_their_element() {
        let json = r#"{"label":"</script><!--<script>&amp;"}"#;
        let inert = inert(json);
        assert!(!inert.contains(['<', '>', '&']));
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&inert), read(json));
    }
}
