package wire

// HeaderID is an interned header name. Compact forms have the ID of the full name.
type HeaderID uint8

// The headers this package tells apart; HeaderOther is every other one. There are at most 64, so that a set of them
// is a uint64.
const (
	HeaderOther HeaderID = iota
	HeaderVia
	HeaderFrom
	HeaderTo
	HeaderCallID
	HeaderCSeq
	HeaderContact
	HeaderRoute
	HeaderRecordRoute
	HeaderMaxForwards
	HeaderExpires
	HeaderMinExpires
	HeaderRequire
	HeaderProxyRequire
	HeaderSupported
	HeaderUnsupported
	HeaderAllow
	HeaderContentLength
	HeaderContentType
	HeaderContentEncoding
	HeaderContentDisposition
	HeaderAuthorization
	HeaderProxyAuthorization
	HeaderWWWAuthenticate
	HeaderProxyAuthenticate
	HeaderPath         // RFC 3327
	HeaderServiceRoute // RFC 3608
	HeaderEvent        // RFC 6665
	HeaderAllowEvents
	HeaderSubscriptionState
	HeaderRAck // RFC 3262
	HeaderRSeq
	HeaderReferTo // RFC 3515
	HeaderReferredBy
	HeaderReplaces
	HeaderSubject
	HeaderUserAgent
	HeaderServer
	HeaderDate
	HeaderTimestamp
	HeaderWarning
	HeaderRetryAfter
	HeaderReason // RFC 3326
	HeaderAccept
	HeaderSessionExpires // RFC 4028
	HeaderMinSE
	HeaderSIPETag // RFC 3903
	HeaderSIPIfMatch
	HeaderMaxBreadth // RFC 5393
	HeaderFlowTimer  // RFC 5626
	HeaderPAssertedIdentity
	HeaderPPreferredIdentity
	HeaderRemotePartyID // draft-ietf-sip-privacy-04, as phones have it
	HeaderPrivacy
	HeaderIdentity
	HeaderIdentityInfo
	HeaderAcceptContact // RFC 3841
	HeaderRejectContact
	HeaderRequestDisposition
	headerCount
)

// Header is one header line of a message.
type Header struct {
	ID    HeaderID
	Line  Span // from the first byte of the name to after the line end, with folded lines
	Name  Span // as written
	Value Span // without white space at its ends; may hold folds inside
}

type headerName struct {
	name    string
	compact byte
}

var headerNames = [headerCount]headerName{
	HeaderVia:                {"Via", 'v'},
	HeaderFrom:               {"From", 'f'},
	HeaderTo:                 {"To", 't'},
	HeaderCallID:             {"Call-ID", 'i'},
	HeaderCSeq:               {"CSeq", 0},
	HeaderContact:            {"Contact", 'm'},
	HeaderRoute:              {"Route", 0},
	HeaderRecordRoute:        {"Record-Route", 0},
	HeaderMaxForwards:        {"Max-Forwards", 0},
	HeaderExpires:            {"Expires", 0},
	HeaderMinExpires:         {"Min-Expires", 0},
	HeaderRequire:            {"Require", 0},
	HeaderProxyRequire:       {"Proxy-Require", 0},
	HeaderSupported:          {"Supported", 'k'},
	HeaderUnsupported:        {"Unsupported", 0},
	HeaderAllow:              {"Allow", 0},
	HeaderContentLength:      {"Content-Length", 'l'},
	HeaderContentType:        {"Content-Type", 'c'},
	HeaderContentEncoding:    {"Content-Encoding", 'e'},
	HeaderContentDisposition: {"Content-Disposition", 0},
	HeaderAuthorization:      {"Authorization", 0},
	HeaderProxyAuthorization: {"Proxy-Authorization", 0},
	HeaderWWWAuthenticate:    {"WWW-Authenticate", 0},
	HeaderProxyAuthenticate:  {"Proxy-Authenticate", 0},
	HeaderPath:               {"Path", 0},
	HeaderServiceRoute:       {"Service-Route", 0},
	HeaderEvent:              {"Event", 'o'},
	HeaderAllowEvents:        {"Allow-Events", 'u'},
	HeaderSubscriptionState:  {"Subscription-State", 0},
	HeaderRAck:               {"RAck", 0},
	HeaderRSeq:               {"RSeq", 0},
	HeaderReferTo:            {"Refer-To", 'r'},
	HeaderReferredBy:         {"Referred-By", 'b'},
	HeaderReplaces:           {"Replaces", 0},
	HeaderSubject:            {"Subject", 's'},
	HeaderUserAgent:          {"User-Agent", 0},
	HeaderServer:             {"Server", 0},
	HeaderDate:               {"Date", 0},
	HeaderTimestamp:          {"Timestamp", 0},
	HeaderWarning:            {"Warning", 0},
	HeaderRetryAfter:         {"Retry-After", 0},
	HeaderReason:             {"Reason", 0},
	HeaderAccept:             {"Accept", 0},
	HeaderSessionExpires:     {"Session-Expires", 'x'},
	HeaderMinSE:              {"Min-SE", 0},
	HeaderSIPETag:            {"SIP-ETag", 0},
	HeaderSIPIfMatch:         {"SIP-If-Match", 0},
	HeaderMaxBreadth:         {"Max-Breadth", 0},
	HeaderFlowTimer:          {"Flow-Timer", 0},
	HeaderPAssertedIdentity:  {"P-Asserted-Identity", 0},
	HeaderPPreferredIdentity: {"P-Preferred-Identity", 0},
	HeaderRemotePartyID:      {"Remote-Party-ID", 0},
	HeaderPrivacy:            {"Privacy", 0},
	HeaderIdentity:           {"Identity", 'y'},
	HeaderIdentityInfo:       {"Identity-Info", 'n'},
	HeaderAcceptContact:      {"Accept-Contact", 'a'},
	HeaderRejectContact:      {"Reject-Contact", 'j'},
	HeaderRequestDisposition: {"Request-Disposition", 'd'},
}

// String returns the full name of the header, or "" for HeaderOther.
func (id HeaderID) String() string {
	if id < headerCount {
		return headerNames[id].name
	}
	return ""
}

type headerSet uint64

func setOf(ids ...HeaderID) (s headerSet) {
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

func (s headerSet) has(id HeaderID) bool { return s>>id&1 != 0 }

// listHeaders may have several values in one line, separated by commas (RFC 3261 7.3.1).
var listHeaders = setOf(HeaderVia, HeaderContact, HeaderRoute, HeaderRecordRoute, HeaderRequire, HeaderProxyRequire,
	HeaderSupported, HeaderUnsupported, HeaderAllow, HeaderContentEncoding, HeaderPath, HeaderServiceRoute,
	HeaderAllowEvents, HeaderWarning, HeaderReason, HeaderAccept, HeaderPAssertedIdentity, HeaderPPreferredIdentity, HeaderRemotePartyID,
	HeaderAcceptContact, HeaderRejectContact, HeaderRequestDisposition)

// Headers that may be in a message only once, because this element reads them: what it makes of two, the next hop may not.
// Any other header is the far end's to judge (RFC 3261 16.3 step 1).
var (
	identifyingHeaders = setOf(HeaderFrom, HeaderTo, HeaderCallID, HeaderCSeq)
	proxyHeaders       = identifyingHeaders | setOf(HeaderMaxForwards, HeaderMaxBreadth, HeaderContentLength)
	registrarHeaders   = proxyHeaders | setOf(HeaderExpires)
)
