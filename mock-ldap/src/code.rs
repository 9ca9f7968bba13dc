//! Owns the names of the protocol's result codes that the directory answers. It must not know when it does.

/// success
pub const SUCCESS: u8 = 0;
/// operationsError
pub const OPERATIONS_ERROR: u8 = 1;
/// protocolError: a request that no client library sends.
pub const PROTOCOL_ERROR: u8 = 2;
/// compareFalse
pub const COMPARE_FALSE: u8 = 5;
/// compareTrue
pub const COMPARE_TRUE: u8 = 6;
/// referral: a write that reached a replica; the message names the master.
pub const REFERRAL: u8 = 10;
/// noSuchAttribute: the value or attribute to delete or compare is not there (F1.12-05).
pub const NO_SUCH_ATTRIBUTE: u8 = 16;
/// constraintViolation: an attribute that only the server may write.
pub const CONSTRAINT_VIOLATION: u8 = 19;
/// attributeOrValueExists
pub const VALUE_EXISTS: u8 = 20;
/// invalidAttributeSyntax
pub const INVALID_SYNTAX: u8 = 21;
/// noSuchObject
pub const NO_SUCH_OBJECT: u8 = 32;
/// invalidDNSyntax
pub const INVALID_DN: u8 = 34;
/// invalidCredentials
pub const INVALID_CREDENTIALS: u8 = 49;
/// insufficientAccessRights
pub const INSUFFICIENT_ACCESS: u8 = 50;
/// busy
pub const BUSY: u8 = 51;
/// unavailable
pub const UNAVAILABLE: u8 = 52;
/// unwillingToPerform
pub const UNWILLING: u8 = 53;
/// namingViolation: the parent may not have such a child, or the name does not belong to the entry.
pub const NAMING_VIOLATION: u8 = 64;
/// objectClassViolation: also a second value of a single-valued attribute, as Directory Server answers it.
pub const CLASS_VIOLATION: u8 = 65;
/// notAllowedOnNonLeaf
pub const NON_LEAF: u8 = 66;
/// notAllowedOnRDN
pub const ON_RDN: u8 = 67;
/// entryAlreadyExists
pub const ALREADY_EXISTS: u8 = 68;
/// serverDown: of the client library, nothing was sent.
pub const SERVER_DOWN: u8 = 81;
/// filterError: of the client library.
pub const FILTER_ERROR: u8 = 87;

/// The text that the client library has for a code (F1.12-04); empty for one that the directory does not answer.
pub const fn text(code: u8) -> &'static str {
    match code {
        SUCCESS => "Success",
        OPERATIONS_ERROR => "Operations error",
        PROTOCOL_ERROR => "Protocol error",
        COMPARE_FALSE => "Compare false",
        COMPARE_TRUE => "Compare true",
        REFERRAL => "Referral received",
        NO_SUCH_ATTRIBUTE => "No such attribute",
        CONSTRAINT_VIOLATION => "Constraint violation",
        VALUE_EXISTS => "Type or value exists",
        INVALID_SYNTAX => "Invalid syntax",
        NO_SUCH_OBJECT => "No such object",
        INVALID_DN => "Invalid DN syntax",
        INVALID_CREDENTIALS => "Invalid credentials",
        INSUFFICIENT_ACCESS => "Insufficient access",
        BUSY => "DSA is busy",
        UNAVAILABLE => "DSA is unavailable",
        UNWILLING => "DSA is unwilling to perform",
        NAMING_VIOLATION => "Naming violation",
        CLASS_VIOLATION => "Object class violation",
        NON_LEAF => "Operation not allowed on nonleaf",
        ON_RDN => "Operation not allowed on RDN",
        ALREADY_EXISTS => "Already exists",
        SERVER_DOWN => "Can't contact the LDAP server",
        FILTER_ERROR => "Bad search filter",
        _ => "",
    }
}

/// A refusal: surely not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Result code.
    pub code: u8,
    /// The server's diagnostic message: what, and where.
    pub message: String,
}

impl Refusal {
    /// A refusal with a code and a message.
    pub fn new(code: u8, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into() }
    }
}
