package server

import (
	"context"
	"log/slog"

	"github.com/sipring/sipring/proxy/routing"
)

// maxDebugLines is how many messages a second are logged at level debug.
const maxDebugLines = 50

// noteRefusal counts a forged token, and logs why a request goes nowhere, at
// level debug and a limited rate.
func (s *Server) noteRefusal(r *request) {
	d := &r.decision
	if d.Why == routing.WhyForged {
		s.metrics.forged.Add(1)
	}
	if !s.log.Enabled(context.Background(), slog.LevelDebug) || !s.debugLines.allow(r.now) {
		return
	}
	s.log.Debug("request refused", "action", d.Action.String(), "why", d.Why, "status", d.Status,
		"method", string(r.msg.MethodBytes()), "uri", string(r.msg.RequestURI()), "from", r.from.Remote.String())
}
