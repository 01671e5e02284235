//! The form in which text that people enter is stored and looked for (docs/decisions/0012).

use std::ops::RangeInclusive;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{
    BinaryProperty, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic, IndicSyllabicCategory,
    JoiningType, UnifiedIdeograph,
};
use icu_properties::{CodePointMapData, CodePointSetData};

const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';
const KEYCAP: char = '\u{20e3}';
const BLACK_FLAG: char = '\u{1f3f4}';
const CANCEL_TAG: char = '\u{e007f}';
const BLANK_BRAILLE: char = '\u{2800}';

/// How many letters of a subdivision a flag is made of: that of Scotland says `gbsct`.
const FLAG_LETTERS: RangeInclusive<usize> = 3..=6;
/// How many accents and the like may be between a joiner and the letter that it is looked at with.
const MAX_MARKS: usize = 8;

/// A text in NFC, trimmed, without bidi controls and other invisible characters. Those that change how their neighbours look stay:
/// joiners in emoji and in the scripts that need them, variation selectors behind emoji and ideographs.
pub fn clean(text: &str) -> String {
    let mut text = nfc(text);
    while text.chars().any(is_invisible) {
        let next = nfc(&without_invisible(&text));
        // What was taken away may have kept an accent from its letter.
        if next == text {
            break;
        }
        text = next;
    }
    text.trim_matches(|letter: char| letter.is_whitespace() || letter == BLANK_BRAILLE).to_owned()
}

/// Whether a character shows nothing of itself, wherever it stands. White space is none of these.
pub fn is_invisible(letter: char) -> bool {
    // Unicode has no property for the last few: interlinear annotations, two blank symbols, and what arranges the letters of a script.
    !letter.is_ascii()
        && (is::<DefaultIgnorableCodePoint>(letter)
            || matches!(letter, '\u{fff9}'..='\u{fffb}' | BLANK_BRAILLE | '\u{1d159}')
            || script_of_arrangement(letter).is_some())
}

/// What is wrong with a text that somebody entered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It has nothing that can be seen.
    Blank,
    /// It has control characters, or line breaks where one line is expected.
    Control,
    /// It has more characters than this.
    TooLong(usize),
}

impl Fault {
    /// Stable, snake_case.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Blank => "string_too_short",
            Self::Control => "string_control",
            Self::TooLong(_) => "string_too_long",
        }
    }
}

/// For people, with the name of the field before it.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Blank => f.write_str("must not be blank"),
            Self::Control => f.write_str("must not contain control characters"),
            Self::TooLong(max) => write!(f, "must have at most {max} characters"),
        }
    }
}

/// One line of text, as [`clean`] makes it; `None` when it is blank.
///
/// # Errors
/// When it is longer than `max` characters, or has line breaks or control characters.
pub fn line(text: &str, max: usize) -> Result<Option<String>, Fault> {
    bounded(text, max, |letter| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}'))
}

/// The same for text of several lines, with whichever line breaks it has (Unicode, 5.8).
///
/// # Errors
/// When it is longer than `max` characters, or has other control characters.
pub fn lines(text: &str, max: usize) -> Result<Option<String>, Fault> {
    bounded(text, max, |letter| letter.is_control() && !matches!(letter, '\t' | '\n'..='\r' | '\u{85}'))
}

fn bounded(text: &str, max: usize, is_refused: impl Fn(char) -> bool) -> Result<Option<String>, Fault> {
    let text = clean(text);
    if text.chars().count() > max {
        Err(Fault::TooLong(max))
    } else if text.contains(is_refused) {
        Err(Fault::Control)
    } else {
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

fn nfc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

fn without_invisible(text: &str) -> String {
    let letters: Vec<char> = text.chars().filter(|letter| !is_invisible(*letter) || may_stay(*letter)).collect();
    let mut kept = Vec::with_capacity(letters.len());
    for (at, letter) in letters.iter().enumerate() {
        let (before, after) = (letters.get(..at).unwrap_or_default(), letters.get(at + 1..).unwrap_or_default());
        let stays = if is_tag(*letter) { is_in_flag(before, *letter, after) } else { stays(&kept, *letter, after) };
        if stays || !is_invisible(*letter) {
            kept.push(*letter);
        }
    }
    kept.into_iter().collect()
}

/// Whether there is any place where an invisible character stays.
fn may_stay(letter: char) -> bool {
    matches!(letter, ZWNJ | ZWJ | BLANK_BRAILLE)
        || is_variation_selector(letter)
        || is_mongolian_selector(letter)
        || is_tag(letter)
        || script_of_arrangement(letter).is_some()
}

/// Whether an invisible character changes how something looks: behind what was kept, and before the rest.
fn stays(before: &[char], letter: char, after: &[char]) -> bool {
    if let Some(script) = script_of_arrangement(letter) {
        return before.last().is_some_and(|letter| script.contains(letter));
    }
    match letter {
        ZWJ => joins_emoji(before, after) || is_in_indic(before, after) || follows_joining(before),
        ZWNJ => is_in_indic(before, after) || follows_joining(before) && precedes_joining(after),
        BLANK_BRAILLE => before.last().is_some_and(is_braille) || after.first().is_some_and(is_braille),
        _ if is_variation_selector(letter) => before.last().is_some_and(|base| varies(*base, letter, after.first())),
        '\u{180e}' => before.last().is_some_and(is_mongolian) && after.first().is_some_and(is_mongolian),
        _ => is_mongolian_selector(letter) && before.last().is_some_and(is_mongolian),
    }
}

/// As in a family, whose members may have a skin tone or a selector behind them.
fn joins_emoji(before: &[char], after: &[char]) -> bool {
    let skipped = |letter: &&char| is::<EmojiModifier>(**letter) || is_variation_selector(**letter);
    before
        .iter()
        .rev()
        .take(MAX_MARKS)
        .find(|letter| !skipped(letter))
        .is_some_and(|it| is::<ExtendedPictographic>(*it))
        && after.first().is_some_and(|letter| is::<ExtendedPictographic>(*letter))
}

/// Behind what kills a vowel, or in front of that or of a vowel sign: it chooses between a ligature, a half form and a whole letter.
fn is_in_indic(before: &[char], after: &[char]) -> bool {
    let before = before.last().map_or(IndicSyllabicCategory::Other, |letter| indic(*letter));
    let after = after.first().map_or(IndicSyllabicCategory::Other, |letter| indic(*letter));
    let is_letter = !matches!(before, IndicSyllabicCategory::Other | IndicSyllabicCategory::Number);
    let is_dependent = matches!(after, IndicSyllabicCategory::VowelDependent | IndicSyllabicCategory::RegisterShifter);
    is_killer(before) || is_letter && (is_killer(after) || is_dependent)
}

fn is_killer(category: IndicSyllabicCategory) -> bool {
    matches!(
        category,
        IndicSyllabicCategory::Virama
            | IndicSyllabicCategory::PureKiller
            | IndicSyllabicCategory::ReorderingKiller
            | IndicSyllabicCategory::InvisibleStacker
    )
}

/// Behind a letter that joins the next one, as in Arabic or Mongolian.
fn follows_joining(before: &[char]) -> bool {
    let found = before.iter().rev().take(MAX_MARKS).map(|letter| joining(*letter));
    let nearest = found.into_iter().find(|joining| *joining != JoiningType::Transparent);
    matches!(nearest, Some(JoiningType::DualJoining | JoiningType::LeftJoining))
}

/// In front of a letter that joins the one before.
fn precedes_joining(after: &[char]) -> bool {
    let found = after.iter().take(MAX_MARKS).map(|letter| joining(*letter));
    let nearest = found.into_iter().find(|joining| *joining != JoiningType::Transparent);
    matches!(nearest, Some(JoiningType::DualJoining | JoiningType::RightJoining))
}

/// Whether a variation selector changes how its base looks: as text or emoji, or which form it has of an ideograph, of a dotted letter
/// of Myanmar, of a letter of Phags-pa, or of a hieroglyph that is turned.
fn varies(base: char, selector: char, next: Option<&char>) -> bool {
    let is_style = matches!(selector, '\u{fe0e}' | '\u{fe0f}');
    match base {
        '0'..='9' | '#' | '*' => is_style && next == Some(&KEYCAP),
        '\u{1000}'..='\u{109f}' | '\u{aa60}'..='\u{aa7f}' | '\u{a840}'..='\u{a877}' | '\u{13000}'..='\u{1345f}' => {
            matches!(selector, '\u{fe00}'..='\u{fe06}')
        }
        _ => is_style && is::<Emoji>(base) || is::<UnifiedIdeograph>(base),
    }
}

/// In the flag of a subdivision: a black flag, the letters of the subdivision, and an end. It stays whole or not at all.
fn is_in_flag(before: &[char], letter: char, after: &[char]) -> bool {
    let most = *FLAG_LETTERS.end();
    let count_before = before.iter().rev().take(most + 1).take_while(|letter| is_flag_letter(**letter)).count();
    let base = before.iter().rev().nth(count_before);
    let count_after = after.iter().take(most + 1).take_while(|letter| is_flag_letter(**letter)).count();
    let (count, is_ended) = match letter {
        CANCEL_TAG => (count_before, true),
        _ => (count_before + 1 + count_after, after.get(count_after) == Some(&CANCEL_TAG)),
    };
    base == Some(&BLACK_FLAG) && FLAG_LETTERS.contains(&count) && is_ended
}

/// Whether it may be a part of a flag.
fn is_tag(letter: char) -> bool {
    letter == CANCEL_TAG || is_flag_letter(letter)
}

/// A digit or a lower-case letter.
fn is_flag_letter(letter: char) -> bool {
    matches!(letter, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}')
}

fn is_variation_selector(letter: char) -> bool {
    matches!(letter, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

fn is_mongolian_selector(letter: char) -> bool {
    matches!(letter, '\u{180b}'..='\u{180f}')
}

/// The letters that an invisible character arranges: numbers of Brahmi, hieroglyphs, clusters of the Khitan small script.
fn script_of_arrangement(letter: char) -> Option<RangeInclusive<char>> {
    match letter {
        '\u{1107f}' => Some('\u{11052}'..='\u{11065}'),
        '\u{13430}'..='\u{13442}' => Some('\u{13000}'..='\u{143fa}'),
        '\u{16fe4}' => Some('\u{18b00}'..='\u{18cff}'),
        _ => None,
    }
}

fn is_mongolian(letter: &char) -> bool {
    matches!(letter, '\u{1820}'..='\u{18aa}')
}

/// A pattern with dots, behind which a blank one is a space.
fn is_braille(letter: &char) -> bool {
    matches!(letter, '\u{2801}'..='\u{28ff}')
}

fn is<P: BinaryProperty>(letter: char) -> bool {
    CodePointSetData::new::<P>().contains(letter)
}

fn indic(letter: char) -> IndicSyllabicCategory {
    CodePointMapData::<IndicSyllabicCategory>::new().get(letter)
}

fn joining(letter: char) -> JoiningType {
    CodePointMapData::<JoiningType>::new().get(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Invisible characters that stay nowhere, or not between Latin letters.
    const INVISIBLE: [char; 58] = [
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{1160}',
        '\u{17b4}',
        '\u{17b5}',
        '\u{180b}',
        '\u{180c}',
        '\u{180d}',
        '\u{180e}',
        '\u{180f}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{202a}',
        '\u{202b}',
        '\u{202c}',
        '\u{202d}',
        '\u{202e}',
        '\u{2060}',
        '\u{2061}',
        '\u{2062}',
        '\u{2063}',
        '\u{2064}',
        '\u{2066}',
        '\u{2067}',
        '\u{2068}',
        '\u{2069}',
        '\u{206a}',
        '\u{206b}',
        '\u{206c}',
        '\u{206d}',
        '\u{206e}',
        '\u{206f}',
        '\u{2800}',
        '\u{3164}',
        '\u{fe00}',
        '\u{fe0e}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{fffa}',
        '\u{fffb}',
        '\u{1bca0}',
        '\u{1d159}',
        '\u{1d173}',
        '\u{1d17a}',
        '\u{e0001}',
        '\u{e0020}',
        '\u{e0041}',
        '\u{e0061}',
        '\u{e007f}',
        '\u{e0100}',
        '\u{e01ef}',
    ];

    #[test]
    fn what_is_invisible_goes_wherever_it_stands() {
        for letter in INVISIBLE {
            assert_eq!(clean(&format!("Ada{letter} Love{letter}lace")), "Ada Lovelace", "{letter:?} inside");
            assert_eq!(clean(&format!("{letter} Ada {letter}")), "Ada", "{letter:?} at the ends");
            assert_eq!(clean(&format!("1{letter}2{letter}")), "12", "{letter:?} between digits");
            assert_eq!(clean(&letter.to_string().repeat(3)), "", "{letter:?} alone");
            // An accent that it kept from its letter.
            assert_eq!(clean(&format!("e{letter}\u{301}")), "\u{e9}", "{letter:?} before an accent");
        }
        assert_eq!(clean("\u{202e}evil\u{202c} \u{2067}user\u{2069}"), "evil user");
        assert_eq!(clean(&INVISIBLE.iter().collect::<String>()), "");
    }

    #[test]
    fn text_is_composed() {
        for (entered, stored) in [
            ("Jose\u{301}", "Jos\u{e9}"),
            ("U\u{308}bergro\u{308}ße", "Übergröße"),
            ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"),
            ("\u{212b}ngstr\u{f6}m", "\u{c5}ngstr\u{f6}m"),
            // Marks in the order of Unicode.
            ("a\u{301}\u{323}", "\u{1ea1}\u{301}"),
            // What only looks like it stays: NFC is not NFKC.
            ("\u{ff21}\u{fb01} \u{b2}", "\u{ff21}\u{fb01} \u{b2}"),
        ] {
            assert_eq!(clean(entered), stored);
        }
    }

    #[test]
    fn text_is_trimmed_of_all_white_space_and_keeps_what_is_inside() {
        assert_eq!(
            clean(" \t\r\n\u{a0}\u{3000}\u{2028}\u{2800}Ada\u{a0}\u{3000}L\u{2009}.\u{85} \n"),
            "Ada\u{a0}\u{3000}L\u{2009}."
        );
        assert_eq!(clean("Line 1\r\nLine 2\n\n\tLine 3"), "Line 1\r\nLine 2\n\n\tLine 3");
    }

    #[test]
    fn what_emoji_and_scripts_need_stays() {
        for text in [
            // A family, a couple, professions with a skin tone, flags of several pieces.
            "👨\u{200d}👩\u{200d}👧\u{200d}👦",
            "👩🏽\u{200d}💻",
            "👩\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨",
            "🏳\u{fe0f}\u{200d}🌈",
            "🏴\u{200d}☠\u{fe0f}",
            "🧑\u{200d}⚕\u{fe0f}",
            "🙂\u{200d}↔\u{fe0f}",
            "❤\u{fe0f}\u{200d}🔥",
            "❤\u{fe0e}",
            "©\u{fe0f}",
            "1\u{fe0f}\u{20e3}#\u{fe0f}\u{20e3}",
            // Scotland, Texas.
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "🏴\u{e0075}\u{e0073}\u{e0074}\u{e0078}\u{e007f}!",
            // Persian.
            "می\u{200c}خواهم",
            "نامه\u{200c}ای",
            "سنة ١٤٤٥ ه\u{200d}",
            // Devanagari: a half form, a visible virama; Bengali ya-phalaa; Malayalam chillu at the end; Sinhala; Kannada.
            "क्\u{200d}ष",
            "क्\u{200c}ष",
            "র\u{200d}্যাব",
            "গ\u{200c}ু",
            "അവന്\u{200d}",
            "ශ්\u{200d}රී",
            "ರ\u{200d}್ಕ",
            // Khmer, where a joiner keeps a mark in its place.
            "ស៊\u{200c}ី",
            // Mongolian: a vowel separator, a variant of a letter.
            "ᠰᠠᠷ\u{180e}ᠠ",
            "ᠳ\u{180b}ᠠ",
            // A form of an ideograph that is a name's own.
            "葛\u{e0100}飾区",
            "辻\u{e0101}",
            // Dotted Myanmar, a hieroglyph that is turned.
            "\u{1000}\u{fe00}",
            "\u{13000}\u{fe01}",
            // Numbers of Brahmi, hieroglyphs, Khitan.
            "\u{11064}\u{1107f}\u{11052}",
            "\u{13000}\u{13430}\u{13001}\u{13437}\u{13002}\u{13438}",
            "\u{18b00}\u{16fe4}\u{18b01}",
            // Braille, with a space.
            "⠁⠙⠁\u{2800}⠇",
        ] {
            assert_eq!(clean(text), text, "{text:?}");
            assert_eq!(clean(&format!("x {text} y")), format!("x {text} y"));
        }
    }

    #[test]
    fn joiners_and_selectors_that_do_nothing_go() {
        for (entered, stored) in [
            ("👩\u{200d}", "👩"),
            ("\u{200d}👩", "👩"),
            ("👩\u{200d}\u{200d}💻", "👩\u{200d}💻"),
            ("👩\u{200d}\u{200b}💻", "👩\u{200d}💻"),
            ("👩\u{200d}a", "👩a"),
            ("👩\u{200c}💻", "👩💻"),
            ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}"),
            ("1\u{fe0f}2", "12"),
            ("A\u{fe0f}", "A"),
            // Tags that are no flag, and text that is hidden in tags.
            ("🏴\u{e0067}\u{e0062}", "🏴"),
            ("🏴\u{e0067}\u{e007f}", "🏴"),
            ("👩\u{e0067}\u{e0062}\u{e0073}\u{e007f}", "👩"),
            ("🏴\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e007f}", "🏴"),
            ("می\u{200c}\u{200c}خواهم", "می\u{200c}خواهم"),
            ("علی\u{200c}", "علی"),
            ("علی\u{200c} رضا", "علی رضا"),
            ("क\u{200d}", "क"),
            ("ᠰᠠᠷ\u{180e}", "ᠰᠠᠷ"),
            ("x\u{2800}\u{2800}y", "xy"),
            ("x\u{1107f}\u{13430}\u{1343f}\u{16fe4}y", "xy"),
            ("Sales\u{13441}\u{13442}", "Sales"),
            // Without the joiner the two compose to something that is no emoji.
            ("👩\u{200d}↔\u{200c}\u{338}", "👩↮"),
        ] {
            assert_eq!(clean(entered), stored, "{entered:?}");
        }
    }

    /// Pieces that act on each other, in every order.
    #[test]
    fn a_text_that_is_clean_stays_as_it_is() {
        const PIECES: [char; 22] = [
            'a',
            '1',
            ' ',
            '\u{301}',
            '\u{338}',
            '\u{20e3}',
            '↔',
            '👩',
            '🏽',
            '\u{1f3f4}',
            '\u{e0067}',
            '\u{e007f}',
            '\u{200b}',
            ZWNJ,
            ZWJ,
            '\u{fe0f}',
            'ب',
            '\u{64b}',
            'क',
            '्',
            '\u{180e}',
            '葛',
        ];
        let pick = |number: usize, place: u32| PIECES[number / PIECES.len().pow(place) % PIECES.len()];
        for number in 0..PIECES.len().pow(4) {
            let text: String = (0..4).map(|place| pick(number, place)).collect();
            let once = clean(&text);
            assert_eq!(clean(&once), once, "{text:?}");
            let letters =
                |text: &str| text.chars().filter(|letter| !is_invisible(*letter) && *letter != ' ').collect::<String>();
            assert_eq!(nfc(&letters(&once)), nfc(&letters(&text)), "{text:?}");
        }
    }

    #[test]
    fn long_texts_take_no_long_time() {
        for piece in [
            "\u{200d}",
            "ب\u{64b}\u{200c}",
            "🏴\u{e0067}\u{e0062}",
            "👩🏽\u{200d}",
            "\u{2800}",
            "a\u{301}\u{323}",
            "↔\u{200c}\u{338}\u{200d}",
        ] {
            let begin = std::time::Instant::now();
            clean(&piece.repeat(1024 * 1024 / piece.len()));
            assert!(begin.elapsed() < std::time::Duration::from_secs(5), "{piece:?}: {:?}", begin.elapsed());
        }
    }
}
