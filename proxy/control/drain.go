package control

import (
	"net/http"
	"time"

	"github.com/sipring/sipring/proxy/control/answers"
)

// drain streams how far the proxy has come, a line with each change. One that ends without Drained was not to its end.
func (h *handler) drain(w http.ResponseWriter, req *http.Request) {
	c, begun := http.NewResponseController(w), false
	_ = c.SetWriteDeadline(time.Time{}) // it may take hours
	err := h.backend.Drain(req.Context(), func(d answers.Drain) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
		}
		b, err := Marshal(d)
		if err != nil {
			return err
		}
		_ = c.SetWriteDeadline(time.Now().Add(readerTime))
		if _, err := w.Write(b); err != nil {
			return err
		}
		return c.Flush()
	})
	if err != nil && !begun {
		refuse(w, h.problem(err))
	}
}
