package main

import (
	"encoding/json"
	"net/http"
)

// status is what GET /status says.
type status struct {
	Name    string `json:"name"`
	Ready   bool   `json:"ready"`
	Leaving bool   `json:"leaving"`
	// Calls there are, by the user part of the Request-URI that each came with.
	Calls map[string]int `json:"calls"`
	// Answered are all calls so far; Pokes the requests sent within calls, and
	// PokesAnswered those that got a final response.
	Answered      int64 `json:"answered"`
	Pokes         int64 `json:"pokes"`
	PokesAnswered int64 `json:"pokesAnswered"`
}

func (a *application) status() status {
	s := status{
		Name: a.o.name, Ready: a.ready(), Leaving: a.leaving.Load(), Calls: map[string]int{},
		Answered: a.answered.Load(), Pokes: a.pokes.Load(), PokesAnswered: a.pokesAnswered.Load(),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.calls {
		s.Calls[c.invite.Recipient.User]++
	}
	return s
}

func (a *application) web() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a.status()) // who asked is gone
	})
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if !a.ready() {
			http.Error(w, "takes no calls", http.StatusServiceUnavailable)
		}
	})
	return mux
}
