package phones

import (
	"errors"
	"fmt"

	"github.com/emiago/sipgo/sip"
)

// refusedError is a final response that is not the one that was hoped for.
type refusedError struct {
	request string
	status  int
	reason  string
}

func refused(request string, res *sip.Response) error {
	return &refusedError{request: request, status: res.StatusCode, reason: res.Reason}
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("%s: %d %s", e.request, e.status, e.reason)
}

// Status is that of the final response which an error of a phone's is about; 0 where
// there was none.
func Status(err error) int {
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused.status
	}
	return 0
}
