//! Owns an interactive session of `imsimta qm`: a line out, an answer back. It must not know what is listed or why.

use crate::context::Run;
use crate::doors::{Command, Conversation, Said, ShellError};
use crate::speech::imsimta_qm::{self, Answer, PROMPT};

/// A session at one MTA. Ids belong to its latest listing.
pub struct QmSession {
    host: String,
    talk: Box<dyn Conversation>,
    /// Lines of standard error so far.
    pub stderr: String,
    /// Lines that came behind an answer's end.
    ahead: String,
}

impl QmSession {
    /// Starts a session.
    pub async fn open(run: &Run, host: &str) -> Result<QmSession, ShellError> {
        let command = Command { host: host.to_owned(), argv: imsimta_qm::session() };
        let talk = run.doors.shell.start(&command, true, run.options.bounds.command).await?;
        Ok(QmSession { host: host.to_owned(), talk, stderr: String::new(), ahead: String::new() })
    }

    /// Sends a line and waits for its whole answer, without the prompt. A question whether to go on is answered with yes.
    pub async fn ask(&mut self, line: &str) -> Result<String, ShellError> {
        self.talk.send(line).await?;
        let mut answer = std::mem::take(&mut self.ahead);
        loop {
            match self.talk.read().await? {
                Said::Out(text) => answer.push_str(&text),
                Said::Err(text) => self.stderr.push_str(&text),
                Said::Exit(status) => {
                    let why = format!("imsimta qm ended with status {status}: {}", self.stderr.trim());
                    return Err(ShellError::Lost { host: self.host.clone(), why });
                }
            }
            if let Some(end) = prompt(&answer) {
                self.ahead = answer[end.1..].to_owned();
                answer.truncate(end.0);
                return Ok(answer);
            }
            let last = answer.lines().next_back().unwrap_or("");
            if matches!(imsimta_qm::answers(last).as_slice(), [Answer::Asks]) {
                self.talk.send("yes").await?;
            }
        }
    }

    /// Ends the session. Nothing depends on how.
    pub async fn close(mut self) {
        if self.talk.send("exit").await.is_ok() {
            while let Ok(said) = self.talk.read().await {
                if matches!(said, Said::Exit(_)) {
                    break;
                }
            }
        }
    }
}

/// Where the line with the prompt begins and ends.
fn prompt(text: &str) -> Option<(usize, usize)> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.ends_with('\n') && line.trim() == PROMPT {
            return Some((start, start + line.len()));
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::prompt;

    #[test]
    fn an_answer_ends_with_a_line_that_is_the_prompt() {
        assert_eq!(prompt("a\nqm.maint>\nb\n"), Some((2, 12)));
        assert_eq!(prompt("a qm.maint>\n"), None);
        assert_eq!(prompt("qm.maint> \n"), Some((0, 11)));
        assert_eq!(prompt(""), None);
    }
}
