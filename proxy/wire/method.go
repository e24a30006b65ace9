package wire

// Method is an interned request method. Methods are case-sensitive (RFC 3261 7.1).
type Method uint8

// The registered methods. MethodOther is every other one: its name is in Message.MethodBytes.
const (
	MethodOther Method = iota
	MethodInvite
	MethodAck
	MethodBye
	MethodCancel
	MethodRegister
	MethodOptions
	MethodPrack     // RFC 3262
	MethodUpdate    // RFC 3311
	MethodInfo      // RFC 6086
	MethodSubscribe // RFC 6665
	MethodNotify    // RFC 6665
	MethodRefer     // RFC 3515
	MethodMessage   // RFC 3428
	MethodPublish   // RFC 3903
)

var methodNames = [...]string{
	MethodOther: "", MethodInvite: "INVITE", MethodAck: "ACK", MethodBye: "BYE", MethodCancel: "CANCEL",
	MethodRegister: "REGISTER", MethodOptions: "OPTIONS", MethodPrack: "PRACK", MethodUpdate: "UPDATE",
	MethodInfo: "INFO", MethodSubscribe: "SUBSCRIBE", MethodNotify: "NOTIFY", MethodRefer: "REFER",
	MethodMessage: "MESSAGE", MethodPublish: "PUBLISH",
}

// String returns the method as it is on the wire, or "" for MethodOther.
func (m Method) String() string {
	if int(m) < len(methodNames) {
		return methodNames[m]
	}
	return ""
}

// ParseMethod interns a method name.
func ParseMethod(b []byte) Method {
	switch string(b) {
	case "INVITE":
		return MethodInvite
	case "ACK":
		return MethodAck
	case "BYE":
		return MethodBye
	case "CANCEL":
		return MethodCancel
	case "REGISTER":
		return MethodRegister
	case "OPTIONS":
		return MethodOptions
	case "PRACK":
		return MethodPrack
	case "UPDATE":
		return MethodUpdate
	case "INFO":
		return MethodInfo
	case "SUBSCRIBE":
		return MethodSubscribe
	case "NOTIFY":
		return MethodNotify
	case "REFER":
		return MethodRefer
	case "MESSAGE":
		return MethodMessage
	case "PUBLISH":
		return MethodPublish
	}
	return MethodOther
}
