package control

import (
	"net/http"
	"time"

	"github.com/sipring/sipring/proxy/control/answers"
)

// atMost is for how long whoever has a proxy drain waits, as a duration is written.
const atMost = "atMost"

// drain streams how far the proxy has come, a line with each change. One that ends without Drained was not to its end.
func (h *handler) drain(w http.ResponseWriter, req *http.Request) {
	c, begun := http.NewResponseController(w), false
	_ = c.SetWriteDeadline(time.Time{})                         // it may take hours
	bound, _ := time.ParseDuration(req.URL.Query().Get(atMost)) // 0 where nobody says
	err := h.backend.Drain(req.Context(), bound, func(d answers.Drain) error {
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
