package admin

import (
	"net/http"
	"time"

	"github.com/sipring/sipring/proxy/limit"
)

// What a source may ask a second. What it asks beyond that is answered later, not
// refused, for the kubelet may share its address with others: connections are
// few, so that is how few requests all of them together can make.
var askRate = limit.Config{Rate: 100, Burst: 200, Slots: 1024}

// pause is how much later; a probe waits for a second at least.
const pause = 200 * time.Millisecond

// paced passes requests on at the rate.
func paced(h http.Handler) http.Handler {
	rate := limit.New(askRate)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !rate.Allow(time.Now().UnixMilli(), sourceOf(r), 1) {
			late := time.NewTimer(pause)
			defer late.Stop()
			select {
			case <-late.C:
			case <-r.Context().Done():
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}
