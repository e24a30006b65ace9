package charts_test

import (
	"flag"
	"fmt"
	"html"
	"os"
	"strings"
	"time"
)

// plot names the file to draw the failover of TestDashboardShowsAFailover into.
var plot = flag.String("plot", "", "file for an SVG of the failover that was scraped")

// strips are what is drawn, one below the other.
var strips = []struct{ title, query string }{
	{"members in the ring of each proxy: gauges, which may miss it", `sipring_proxy_ring_members`},
	{"members lost, as each proxy counted them", `sipring_proxy_failovers_total`},
	{"bindings that a proxy took over from lost members", `sipring_proxy_rehomed_bindings_total`},
	{"bindings at home", `sipring_proxy_bindings{role="home"}`},
	{"bindings that have all their copies", `sum(sipring_proxy_bindings{role="home"}) - sum(sipring_proxy_under_replicated_bindings)`},
	{"calls answered until then", `sum(increase(sipring_proxy_call_results_total{code="200"}[1m]))`},
}

const (
	stripWidth, stripHeight = 640, 60
	stripTop                = 40 // of the first, below its title
	stripStep               = stripHeight + 30
	margin                  = 60
)

// draw draws the strips over a time, with a line where the proxy was killed.
func (p *scraper) draw(file string, from, killed, to time.Time) {
	p.Helper()
	var svg strings.Builder
	height := stripTop + len(strips)*stripStep + margin/2
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", stripWidth+2*margin, height)
	fmt.Fprintf(&svg, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	x := func(at float64) float64 { return margin + at/to.Sub(from).Seconds()*stripWidth }
	for i, s := range strips {
		got, err := p.over(from, to, s.query)
		if err != nil || len(got) == 0 {
			p.Fatalf("%s: %v", s.query, err)
		}
		top := float64(stripTop + i*stripStep)
		most := 1.0
		for _, series := range got {
			for _, at := range series {
				most = max(most, at.value)
			}
		}
		fmt.Fprintf(&svg, `<text x="%d" y="%g" font-weight="bold">%s</text>`+"\n", margin, top-6, html.EscapeString(s.title))
		fmt.Fprintf(&svg, `<text x="%d" y="%g" text-anchor="end">%.0f</text><text x="%d" y="%g" text-anchor="end">0</text>`+"\n", margin-6, top+10, most, margin-6, top+stripHeight)
		fmt.Fprintf(&svg, `<rect x="%d" y="%g" width="%d" height="%d" fill="#f4f4f4"/>`+"\n", margin, top, stripWidth, stripHeight)
		for k, series := range got {
			var points []string
			for _, at := range series {
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(at.at-float64(from.UnixMilli())/1000), top+stripHeight-at.value/most*(stripHeight-4)))
			}
			color := []string{"#c0392b", "#2471a3", "#229954"}[k%3]
			if len(got) == 1 {
				color = "black"
			}
			fmt.Fprintf(&svg, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", color, strings.Join(points, " "))
		}
	}
	fmt.Fprintf(&svg, `<line x1="%[1]g" x2="%[1]g" y1="20" y2="%[2]d" stroke="gray" stroke-dasharray="4"/><text x="%[1]g" y="14" text-anchor="middle">SIGKILL of proxy-0</text>`+"\n", x(killed.Sub(from).Seconds()), height-margin/2)
	fmt.Fprintf(&svg, `<text x="%d" y="%d">red proxy-0, blue proxy-1, green proxy-2, black all together; %.0f s, scraped every second</text>`+"\n</svg>\n", margin, height-10, to.Sub(from).Seconds())
	if err := os.WriteFile(file, []byte(svg.String()), 0o644); err != nil {
		p.Fatal(err)
	}
}
