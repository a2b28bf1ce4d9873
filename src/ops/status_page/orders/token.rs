//! Who may give orders: whoever has the token.

use crate::model::clock::Instant;
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use subtle::ConstantTimeEq;

/// The shortest token: 16 bytes drawn by chance are beyond guessing.
pub(crate) const SHORTEST_TOKEN: usize = 16;
/// The longest token: servers refuse longer headers.
const LONGEST: usize = 1_024;
/// How many wrong tokens at once are answered as such, and how soon one more may come.
pub(crate) const WRONG_TOKENS: (u32, Duration) = (10, Duration::from_secs(1));

/// Why a token was refused for [`operable`](crate::ops::status_page::StatusPage::operable). The text does not hold the
/// token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token can be guessed.
    #[error("a token needs at least 16 bytes, drawn by chance")]
    Short,
    /// The token is longer than 1,024 bytes.
    #[error("a token has at most 1,024 bytes")]
    Long,
    /// The token cannot stand in a header: it holds a space, or something else than visible ASCII.
    #[error("a token is made of visible ASCII without spaces")]
    NotVisible,
}

/// The token's hash. The token itself is not kept.
pub(super) struct Token {
    hash: [u8; 32],
    wrong: Mutex<Wrong>,
}

/// What the token of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Right,
    Missing,
    Wrong,
    /// Wrong, as many were lately.
    OneOfMany,
}

impl Token {
    pub(super) fn new(token: &str) -> Result<Self, TokenError> {
        match token.len() {
            ..SHORTEST_TOKEN => return Err(TokenError::Short),
            SHORTEST_TOKEN..=LONGEST => {}
            _ => return Err(TokenError::Long),
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::NotVisible);
        }
        Ok(Self {
            hash: Sha256::digest(token).into(),
            wrong: Mutex::default(),
        })
    }

    /// Looks at a request's token. Takes as long for any token of one length: hashes are compared, in constant time.
    /// The right token is taken however many wrong ones came before it, so that nobody can lock the operator out.
    pub(super) fn look(&self, headers: &HeaderMap, now: Instant) -> Shown {
        let mut all = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (all.next(), all.next()) else {
            return Shown::Missing;
        };
        let Some(token) = bearer(value.as_bytes()) else {
            return Shown::Missing;
        };
        let hash: [u8; 32] = Sha256::digest(token).into();
        if bool::from(hash.ct_eq(&self.hash)) {
            return Shown::Right;
        }
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.admit(now) {
            Shown::Wrong
        } else {
            Shown::OneOfMany
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// How many wrong tokens were answered lately.
#[derive(Debug, Default)]
struct Wrong {
    /// When all of them are forgotten, if no more come.
    until: Option<Instant>,
}

impl Wrong {
    fn admit(&mut self, now: Instant) -> bool {
        let (burst, pause) = WRONG_TOKENS;
        let until = self.until.map_or(now, |until| until.max(now)) + pause;
        let admitted = until.saturating_duration_since(now) <= pause * burst;
        if admitted {
            self.until = Some(until);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;

    const TOKEN: &str = "0123456789abcdef";

    fn shown(token: &Token, value: &str, now: Instant) -> Shown {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        token.look(&headers, now)
    }

    #[test]
    fn a_token_that_can_be_guessed_or_not_be_sent_is_refused() {
        assert!(Token::new(TOKEN).is_ok());
        assert_eq!(Token::new("").unwrap_err(), TokenError::Short);
        assert_eq!(Token::new(&TOKEN[1..]).unwrap_err(), TokenError::Short);
        assert_eq!(Token::new(&"a".repeat(1_025)).unwrap_err(), TokenError::Long);
        for bad in ["0123456789 abcdef", "0123456789abcdef\n", "0123456789abcdäö"] {
            assert_eq!(Token::new(bad).unwrap_err(), TokenError::NotVisible, "{bad:?}");
        }
        assert_eq!(format!("{:?}", Token::new(TOKEN).unwrap()), "Token");
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_whole_token_is_right() {
        let (token, now) = (Token::new(TOKEN).unwrap(), clock::now());
        for right in [
            "Bearer 0123456789abcdef",
            "bearer 0123456789abcdef",
            "BEARER  0123456789abcdef",
        ] {
            assert_eq!(shown(&token, right, now), Shown::Right, "{right}");
        }
        for wrong in [
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Bearer ",
            "Bearer 0123456789ABCDEF",
        ] {
            assert_eq!(shown(&token, wrong, now), Shown::Wrong, "{wrong}");
        }
        for other in [
            "Basic 0123456789abcdef",
            "0123456789abcdef",
            "Bearer",
            "",
            "Bearer0123456789abcdef",
        ] {
            assert_eq!(shown(&token, other, now), Shown::Missing, "{other}");
        }
        assert_eq!(token.look(&HeaderMap::new(), now), Shown::Missing);
        let mut twice = HeaderMap::new();
        twice.append(header::AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap());
        twice.append(header::AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap());
        assert_eq!(
            token.look(&twice, now),
            Shown::Missing,
            "of two nobody knows which counts"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_tokens_are_bounded_and_lock_nobody_out() {
        let (token, now) = (Token::new(TOKEN).unwrap(), clock::now());
        let (burst, pause) = WRONG_TOKENS;
        let wrong = |now| shown(&token, "Bearer wrong", now);
        let first = (0..1_000).filter(|_| wrong(now) == Shown::Wrong).count();
        assert_eq!(first, burst as usize);
        assert_eq!(shown(&token, "Bearer 0123456789abcdef", now), Shown::Right);
        let later = now + pause * 3;
        assert_eq!((0..1_000).filter(|_| wrong(later) == Shown::Wrong).count(), 3);
        assert_eq!(
            (0..1_000)
                .filter(|_| wrong(later + pause * 1_000) == Shown::Wrong)
                .count(),
            burst as usize
        );
    }
}
