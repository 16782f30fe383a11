//! Titles, names and descriptions: several scripts, line breaks, markup, and now and then a very long text.

use std::sync::LazyLock;

use crate::plan::Random;

static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    "signal garden night market history of the small ocean letters and code über Straße Kaffee \
     cœur été niño mañana São ação łódź Žižek İstanbul наука разговор мир Ελλάδα λόγος 日本 東京の夜 播客 \
     中文 한국어 이야기 हिन्दी कहानी العربية حديث שלום 🎙 👩‍🔬 naïve cafe\u{301} \u{fb01}eld 𝕄ath C++ O'Brien \"quoted\" \
     back\\slash 50% R&D $name {{x}} `tick` -- /* #1 a;b NULL 0x1F"
        .split(' ')
        .collect()
});

const PEOPLE: &[&str] = &[
    "Zoë Müller",
    "José Ángel Núñez",
    "Łukasz Wójcik",
    "Søren Ørsted",
    "Anaïs Çelik",
    "Đặng Thu Hà",
    "王小明",
    "山田 太郎",
    "김민지",
    "Алёна Ёлкина",
    "Γιώργος Παπαδόπουλος",
    "नीला शर्मा",
    "ליאור כהן",
    "عمر خالد",
    "Sinéad O'Connor",
    "Jean-Luc d'Arc",
    "Ana",
    "Bob Smith",
    "Grace N.",
    "X Æ A-12",
];

const CATEGORIES: &[&str] = &[
    "Technology",
    "Society & Culture",
    "Wissenschaft",
    "Éducation",
    "歴史",
    "Health/Fitness",
    "Kids, Family",
    "",
];

/// What stands between two sentences.
const BREAKS: &[&str] =
    &[" ", " ", " ", " ", "\n", "\r\n", "\r\n\r\n", "<br/>", "</p>\n<p>", "\t", "\u{a0}", "\u{2028}"];

/// A title of one to seven words: short, since the monolith's range index takes no more than about 8 kB.
pub fn title(random: &mut Random) -> String {
    let mut title = random.pick(&["", "", "", "The ", "Folge 12: ", "S02E05 – ", "【特集】"]).to_owned();
    push_words(&mut title, random, 7);
    title
}

/// A description, mostly of a few sentences; one in four hundred is some 30 kB long.
pub fn description(random: &mut Random) -> String {
    let sentences = if random.below(400) == 0 { 600 } else { 1 + random.below(10) };
    let mut text = String::new();
    for _ in 0..sentences {
        push_sentence(&mut text, random);
    }
    text
}

/// What was said in a segment: mostly a few sentences; one in four hundred has 30 kB, since the monolith's text index takes
/// no more than about 32 kB.
pub fn transcript(random: &mut Random) -> String {
    if random.below(400) == 0 {
        return of_bytes(random, 30_000);
    }
    let mut text = String::new();
    for _ in 0..1 + random.below(8) {
        push_sentence(&mut text, random);
    }
    text
}

/// A sentence or more of at least ten characters, white space around them not counted.
pub fn quote(random: &mut Random) -> String {
    let mut text = String::new();
    while text.trim().chars().count() < 10 {
        push_sentence(&mut text, random);
    }
    text
}

/// A text of exactly so many bytes in UTF-8.
pub fn of_bytes(random: &mut Random, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 400);
    while text.len() < bytes {
        push_sentence(&mut text, random);
    }
    text.truncate(text.floor_char_boundary(bytes));
    let missing = bytes - text.len();
    text.extend(std::iter::repeat_n('.', missing));
    text
}

pub fn people(random: &mut Random) -> Vec<&'static str> {
    (0..random.below(5)).map(|_| random.pick(PEOPLE)).collect()
}

pub fn person(random: &mut Random) -> &'static str {
    random.pick(PEOPLE)
}

pub fn categories(random: &mut Random) -> Vec<&'static str> {
    (0..random.below(4)).map(|_| random.pick(CATEGORIES)).collect()
}

/// An address, some of them international.
pub fn address(random: &mut Random, path: &str) -> String {
    let host =
        random.pick(&["feeds.example.com", "bücher.example", "podcast.example.org:8443", "例え.example"]);
    format!("https://{host}/{path}?id={}&utm=a%20b", random.below(1_000_000))
}

fn push_sentence(text: &mut String, random: &mut Random) {
    push_words(text, random, 14);
    text.push_str(random.pick(&[".", ".", ".", "!", "?", "…", "。"]));
    text.push_str(random.pick(BREAKS));
}

fn push_words(text: &mut String, random: &mut Random, most: u64) {
    for place in 0..=random.below(most) {
        if place > 0 {
            text.push(' ');
        }
        text.push_str(random.pick(&WORDS));
    }
}
