//! Expected texts follow from the grammar: ECMA-262, sections 12.5 (slashes), 12.9.6 (templates) and 12.10 (line breaks that end a
//! statement); CSS Syntax, section 4.

use std::borrow::Cow;

use super::{Kind, Tokens, script, style};
use crate::web::{Folder, VENDOR};

/// Each source with what it must become.
const SCRIPTS: [(&str, &str); 30] = [
    ("/** Adds. @param {number} a */\nlet x = a + 1; // so\n", "let x=a+1;"),
    ("function f() {\n  return 1;\n}\nf();\n", "function f(){return 1;}\nf();"),
    // A line break that ends a statement stays; where none can end it goes.
    ("let a = 1\nlet b = 2\n", "let a=1\nlet b=2"),
    ("return\nx", "return\nx"),
    ("a = b\n(c)", "a=b\n(c)"),
    ("a\n++\nb", "a\n++\nb"),
    ("f(a,\n  b,\n);", "f(a,b,);"),
    ("one\n  .two()\n  ?.three;", "one.two()?.three;"),
    ("a = b ||\n  c\n  && d", "a=b||c&&d"),
    ("class A {\n  a = 1\n  *b() {}\n}", "class A{a=1\n*b(){}}"),
    ("if (a) b\nelse c", "if(a)b\nelse c"),
    // A comment with a line break in it is one.
    ("return /* a\n */ x", "return\nx"),
    ("a/**/b", "a b"),
    // Signs that would read as others.
    ("a + +b - -c", "a+ +b- -c"),
    ("a++ + b", "a++ +b"),
    ("1 .toFixed()", "1 .toFixed()"),
    ("x ? .5 : 1", "x? .5:1"),
    ("a < !b", "a< !b"),
    ("in #x", "in #x"),
    // What looks like a comment, a string or a template, and is none.
    ("x = \"// no\" + '/* no */'", "x=\"// no\"+'/* no */'"),
    ("x = 'it\\'s'  // yes", "x='it\\'s'"),
    ("x = /[/*]\\/\"/g  // yes", "x=/[/*]\\/\"/g"),
    ("return /a b/ in c", "return/a b/in c"),
    ("a / b / c // yes", "a/b/c"),
    ("(a) / 2 / b[0] / c", "(a)/2/b[0]/c"),
    ("x.of / 2 / 1", "x.of/2/1"),
    // Templates stay as they are; what is in their braces is code.
    ("x = `a  // b ${ c + `${ {d: 1 } }  ` } \\${ e `", "x=`a  // b ${c+`${{d:1}}  `} \\${ e `"),
    ("html`\n  <b>${ a /* b */ }</b>`", "html`\n  <b>${a}</b>`"),
    ("/* @license MIT */ let a = 1", "/* @license MIT */\nlet a=1"),
    (
        "import { a } from \"./a.js\";\nimport * as b from \"./b.js\";",
        "import{a}from\"./a.js\";import*as b from\"./b.js\";",
    ),
];

#[test]
fn a_script_loses_its_comments_and_indentation_and_nothing_else() {
    for (source, expected) in SCRIPTS {
        assert_eq!(script(source), expected, "{source}");
    }
}

#[test]
fn what_is_not_understood_is_served_as_it_was_written() {
    for source in [
        "if (a) /b/.test(c)",
        "} /b/",
        "{ } /b/g",
        "a++ / b",
        "x = 'open\n'",
        "x = `open",
        "/* open",
        "f(",
        "f)",
        "`${ a ) }`",
        "\u{e4} = 1",
        "\\u0061 = 1",
    ] {
        let source = format!("let  y;  {source}");
        assert!(matches!(script(&source), Cow::Borrowed(text) if text == source), "{source}");
    }
}

#[test]
fn a_style_sheet_keeps_every_space_that_means_something() {
    for (source, expected) in [
        ("/* a */\na , b {\n  color: red;\n  margin: 0 auto;\n}\n", "a,b{color:red;margin:0 auto}"),
        (".a :hover { inset: calc(1px + 2px) }", ".a :hover{inset:calc(1px + 2px)}"),
        ("@media (a: b) and (c: d) { .x { y: z; } }", "@media (a:b) and (c:d){.x{y:z}}"),
        ("a > b + c ~ d { e: f }", "a > b + c ~ d{e:f}"),
        (".a/**/.b { content: \"/* { ; */\"; }", ".a .b{content:\"/* { ; */\"}"),
        ("a { b: url(\"c d\") format( \"e\" ); }", "a{b:url(\"c d\") format(\"e\")}"),
        ("a:not( .b ) .c::after { d: -e }", "a:not(.b) .c::after{d:-e}"),
    ] {
        assert_eq!(style(source), expected, "{source}");
    }
}

#[test]
fn a_style_sheet_with_escapes_or_open_ends_is_served_as_it_was_written() {
    for source in ["a  { b: \\66 }", "a  { b: url(c  d) }", "a  { b: \"c }", "a  { /* b }"] {
        assert!(matches!(style(source), Cow::Borrowed(text) if text == source), "{source}");
    }
}

/// Words, signs and texts of a script, without what parts them.
fn tokens(source: &str) -> Vec<(Kind, &str)> {
    let mut tokens = Tokens::new(source);
    let list = std::iter::from_fn(|| tokens.next()).map(|token| (token.kind, token.text)).collect();
    assert!(tokens.is_whole(), "{:.80}", tokens.rest);
    list
}

#[test]
fn every_script_of_ours_is_understood_and_stays_the_same_tokens() {
    for path in Folder::iter().filter(|path| path.ends_with(".js") && !path.starts_with(VENDOR)) {
        let file = Folder::get(&path).unwrap();
        let source = std::str::from_utf8(&file.data).unwrap();
        let stripped = script(source);
        assert!(stripped.len() < source.len(), "{path} was not understood");
        assert_eq!(tokens(source), tokens(&stripped), "{path}");
        assert_eq!(script(&stripped), stripped, "{path}: twice is once");
    }
}
