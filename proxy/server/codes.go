package server

import "strconv"

// Responses are counted by code, of which there are as many as are registered, and by
// class: whatever a target makes up, there are no more counters for it.

const classes = 6

var classNames = [classes]string{"1xx", "2xx", "3xx", "4xx", "5xx", "6xx"}

// registeredCodes are the response codes of IANA's registry (RFC 3261 27.4).
var registeredCodes = [...]int{
	100, 180, 181, 182, 183, 199,
	200, 202, 204,
	300, 301, 302, 305, 380,
	400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 412, 413, 414, 415, 416, 417, 420, 421, 422, 423, 424, 425, 428, 429,
	430, 433, 436, 437, 438, 439, 440, 469, 470, 480, 481, 482, 483, 484, 485, 486, 487, 488, 489, 491, 493, 494,
	500, 501, 502, 503, 504, 505, 513, 555, 580,
	600, 603, 604, 606, 607, 608,
}

// codeNames are the label values of codes: the registered ones, and each class for
// the others of it, as "4xx".
var codeNames, codePlaces = nameCodes()

// nameCodes also says where in the names each code is.
func nameCodes() (names []string, places [(classes + 1) * 100]uint8) {
	for i, class := range classNames {
		for code := 100 * (i + 1); code < 100*(i+2); code++ {
			places[code] = uint8(len(names))
		}
		names = append(names, class)
	}
	for _, code := range registeredCodes {
		places[code] = uint8(len(names))
		names = append(names, strconv.Itoa(code))
	}
	return names, places
}

// codePlace is where in codeNames a status is; what is no status is nowhere, which
// is the first class's.
func codePlace(status int) int {
	if status < 0 || status >= len(codePlaces) {
		return 0
	}
	return int(codePlaces[status])
}

// registerResult says what became of a REGISTER.
type registerResult uint8

const (
	registerOK          registerResult = iota
	registerForeign                    // 403: the contact is not where it comes from
	registerTooMany                    // 403: too many contacts
	registerReplayed                   // 401: its credentials have been used before
	registerBad                        // 400: the contact cannot be stored
	registerNoRoom                     // 503: no room
	registerOutOfOrder                 // 500: CSeq out of order
	registerUnavailable                // 503: other members did not confirm in time
	registerResults
)

var registerNames = [registerResults]string{
	registerOK: "ok", registerForeign: "foreign_contact", registerTooMany: "too_many_contacts", registerReplayed: "replayed", registerBad: "bad_contact",
	registerNoRoom: "no_room", registerOutOfOrder: "out_of_order", registerUnavailable: "unavailable",
}
