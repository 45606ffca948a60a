//! What a client asks: the conversation so far, and how it is to go on.

use std::collections::HashSet;

use super::{Custom, Feature, Json, Lost, OpenAi, Reasoning};

/// A request, in the words of no dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// Instructions ahead of the conversation; texts in all but odd cases.
    pub system: Vec<Part>,
    /// What was said, oldest first.
    pub turns: Vec<Turn>,
    /// The functions the model may call.
    pub tools: Vec<Tool>,
    /// Whether it may, must or must not; `None`: the dialect's default, `Auto`.
    pub tool_choice: Option<ToolChoice>,
    /// The only tools that may be called, by name; none: all may.
    pub allowed_tools: Vec<String>,
    /// Whether several calls may come in one answer; `None`: the default, yes.
    pub parallel_tools: Option<bool>,
    /// The form of the answer's text.
    pub format: OutputFormat,
    /// How the answer is drawn.
    pub sampling: Sampling,
    /// How much to think first; `None`: the model's default.
    pub reasoning: Option<Reasoning>,
    /// Whether thoughts are to be shown; `None`: as the provider likes.
    pub shows_thoughts: Option<bool>,
    /// Who the end user is, for the provider's abuse detection.
    pub user: Option<String>,
    /// Whether the answer is to be a stream of events.
    pub stream: bool,
    /// Tools are `functions` to the client, as they were called before 2024: its
    /// answers have one call at the most, in another place.
    pub functions: bool,
    /// What both calls of OpenAI's that answer can say, and nobody else.
    pub openai: OpenAi,
}

impl Conversation {
    /// Lets the model call these tools only, and has it call one if it `must`.
    /// Names of tools that are not there say nothing. Where no other is left, none
    /// may be called, and the set is `lost`: without it, all might be.
    pub(in crate::dialect) fn allow_only(
        &mut self,
        names: Vec<String>,
        must: bool,
        lost: &mut Lost,
    ) {
        let names: HashSet<String> = names.into_iter().collect();
        let all = self.tools.iter().map(|tool| &tool.name);
        let left: Vec<_> = all.filter(|name| names.contains(*name)).cloned().collect();
        self.tool_choice = Some(if left.is_empty() {
            lost.feature(Feature::AllowedTools);
            ToolChoice::None
        } else if must {
            ToolChoice::Any
        } else {
            ToolChoice::Auto
        });
        self.allowed_tools = left;
    }

    /// Returns the tools that may be called: all that a dialect is told that
    /// cannot tell one that may not.
    pub(in crate::dialect) fn callable_tools(&self) -> impl Iterator<Item = &Tool> {
        let only: HashSet<&String> = self.allowed_tools.iter().collect();
        let may = move |tool: &&Tool| only.is_empty() || only.contains(&tool.name);
        self.tools.iter().filter(may)
    }

    /// Names what only OpenAI can be told, where somebody else is.
    pub(in crate::dialect) fn lose_openais(&self, lost: &mut Lost) {
        self.openai.lose(lost);
        for tool in self.callable_tools() {
            tool.lose_grammar(lost);
        }
    }

    /// Tells whether an answer of its own is asked for, whatever of the last turn
    /// can be said, and not the rest of one that is begun: the user has spoken
    /// last, or whoever gives the instructions.
    pub(in crate::dialect) fn asks_anew(&self) -> bool {
        let last = self.turns.last();
        last.is_some_and(|turn| turn.role != Role::Assistant)
    }

    /// Returns who the end user is, by whichever name.
    pub(in crate::dialect) fn end_user(&self) -> Option<&str> {
        let safety = self.openai.safety_identifier.as_deref();
        self.user.as_deref().or(safety)
    }
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Whose it is.
    pub role: Role,
    /// What was said, in order.
    pub parts: Vec<Part>,
}

/// What is said in the place of a user who has said nothing, where a dialect
/// wants the user to speak and no text to be empty.
pub const NOTHING: &str = ".";

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions in the middle of the conversation.
    System,
    /// The user; results of tools are parts of its turns.
    User,
    /// The model; calls of tools are parts of its turns.
    Assistant,
}

/// A piece of a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text.
    Text(String),
    /// An image.
    Image(Media),
    /// A document, or sound: anything that is no image.
    File(Media),
    /// A call of a tool.
    ToolCall(ToolCall),
    /// What a tool returned.
    ToolResult(ToolResult),
    /// What the model thought before it answered.
    Thought(Thought),
    /// Why the model would not answer.
    Refusal(String),
}

/// An image or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Where it is.
    pub source: Source,
    /// What it is called.
    pub name: Option<String>,
    /// How closely to look at an image; `None`: as the model likes.
    pub detail: Option<Detail>,
}

/// How closely a model looks at an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// From afar, for few tokens.
    Low,
    /// Closely.
    High,
}

impl Media {
    /// Says in words that it was here: the answers of most dialects have no
    /// place for what a model drew, and nothing is dropped in silence.
    pub fn in_words(&self) -> String {
        match &self.source {
            Source::Url { url, .. } => format!("[{url}]"),
            Source::Inline { mime, .. } => format!("[{mime}: not carried over]"),
            Source::Uploaded(_) => "[a file: not carried over]".to_owned(),
        }
    }
}

/// Where an image or a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somewhere else: `https://…`, `gs://…`.
    Url {
        /// The address.
        url: String,
        /// Its media type, where the client said so.
        mime: Option<String>,
    },
    /// Right here.
    Inline {
        /// Its media type, such as `image/png`.
        mime: String,
        /// The bytes in base64.
        data: String,
    },
    /// Uploaded to the provider before.
    Uploaded(String),
}

/// A function the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name, unique among the tools; both names of one within a namespace.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The JSON Schema of its arguments; `None`: it takes none.
    pub parameters: Option<Json>,
    /// Whether calls must fit the schema exactly.
    pub strict: Option<bool>,
    /// What OpenAI is told of it if it is a custom tool, which others know as a
    /// function of one text.
    pub custom: Option<Custom>,
}

/// Whether the model is to call tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// Not at all.
    None,
    /// At least one.
    Any,
    /// This one.
    Named(String),
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// What its result refers to; never empty.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments, as the model wrote them: nearly always a JSON object, but
    /// a model can write anything.
    pub arguments: String,
    /// The provider's seal on what it thought, to be given back with the call.
    pub signature: Option<String>,
    /// It is a call of a custom tool, whose text is within the arguments.
    pub custom: bool,
}

/// What a tool returned.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    /// The call it answers.
    pub id: String,
    /// The tool's name, where the dialect says it or the call was seen.
    pub name: Option<String>,
    /// What came out: texts, at times images.
    pub content: Vec<Part>,
    /// Whether the tool failed.
    pub is_error: bool,
}

impl ToolResult {
    /// The longest name that results repeat, in bytes: far more than any provider
    /// takes. A longer one, with each of many results, would be out of proportion.
    const LONGEST_NAME: usize = 256;

    /// Returns what a result repeats of the name of its call's tool.
    pub(in crate::dialect) fn name_of_call(name: &str) -> Option<String> {
        (name.len() <= Self::LONGEST_NAME).then(|| name.to_owned())
    }
}

/// What the model thought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thought {
    /// The thought or its summary; may be empty.
    pub text: String,
    /// The provider's seal on it, to be given back to the same provider.
    pub signature: Option<String>,
    /// The thought itself is hidden, and `signature` holds it sealed.
    pub redacted: bool,
}

/// The form of the answer's text.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OutputFormat {
    /// As the model likes.
    #[default]
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON that fits a schema.
    JsonSchema {
        /// The schema's name, where the dialect has one.
        name: Option<String>,
        /// The JSON Schema.
        schema: Json,
        /// Whether it must fit exactly.
        strict: Option<bool>,
    },
}

/// How the answer is drawn; `None` leaves the model's default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// The most tokens the answer may have.
    pub max_tokens: Option<u64>,
    /// 0 – 2; Anthropic takes 0 – 1.
    pub temperature: Option<f64>,
    /// 0 – 1.
    pub top_p: Option<f64>,
    /// 1 and more.
    pub top_k: Option<u64>,
    /// Texts at which the answer stops.
    pub stop: Vec<String>,
    /// The same seed draws the same answer, as far as the provider can.
    pub seed: Option<i64>,
    /// -2 – 2.
    pub presence_penalty: Option<f64>,
    /// -2 – 2.
    pub frequency_penalty: Option<f64>,
    /// How many answers; `None`: one.
    pub candidates: Option<u64>,
    /// How likely each token was, beside this many others in its place, 0 – 20;
    /// `None`: not to be told.
    pub logprobs: Option<u64>,
}
