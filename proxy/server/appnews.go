package server

import "github.com/sipring/sipring/proxy/application"

// TellApplication tells every other member what this one's application is. It is called at
// each change, and for members that are new. Members that cannot be reached hear of it when
// they are met.
func (s *Server) TellApplication(state application.State) {
	s.noteAbsences()
	if s.apps == nil || !s.serving.Load() {
		return
	}
	var frame [application.StateLen]byte
	s.toAll(frameApplication, application.AppendState(frame[:0], s.life, state))
	s.nudge() // what waits at an application that has ended goes elsewhere
}

// applicationAtPeer takes a frameApplication.
func (s *Server) applicationAtPeer(from uint32, payload []byte) {
	life, state, rest, ok := application.CutState(payload)
	if !ok || len(rest) > 0 {
		s.metrics.drop(dropPeerFrame)
		return
	}
	if s.apps != nil && s.apps.Table.Set(from, life, state) {
		s.nudge()
	}
}
