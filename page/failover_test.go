package page_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sipring/sipring/demo"
	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/command/commandtest"
)

var screenshot = flag.String("screenshot", "", "file to write a picture of the page to: docs/page.png is made by it")

func TestMain(m *testing.M) {
	if commandtest.Ran() {
		return
	}
	os.Exit(m.Run())
}

// behind serves a proxy's admin port below the path that the API server has for it.
func behind(t *testing.T, admin string) string {
	t.Helper()
	const path = "/api/v1/namespaces/sip/pods/ring-0:9090/proxy/"
	to, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	p := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	mux := http.NewServeMux()
	mux.Handle(path, http.StripPrefix(strings.TrimSuffix(path, "/"), p))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return s.URL + path
}

// registrations is how many there are.
const registrations = 30

// registered are phones that are, at some of the proxies.
func registered(t *testing.T, proxies *demo.Proxies) *phones.Load {
	t.Helper()
	cfg := phones.Config{Domain: "example.com", Local: netip.AddrPortFrom(proxies.Host(200), 0), Proxy: proxies.Address()}
	load, err := phones.NewLoad(registrations, cfg, func(cfg phones.Config) (*phones.Phone, error) {
		cfg.Password = proxies.Passwords()[cfg.User]
		return phones.New(cfg)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(load.Close)
	if n := load.Register(t.Context()); !n.Whole() {
		t.Fatalf("%d of %d phones registered: %s", n.OK, n.Of, n.Errors[0])
	}
	return load
}

// arcs is true while the ring has these members.
func arcs(names ...string) string {
	quoted := `["` + strings.Join(names, `","`) + `"]`
	return fmt.Sprintf(`JSON.stringify([...document.querySelectorAll("#ring path")].map(p => p.dataset.member).sort()) === '%s'`, quoted)
}

// TestFailoverIsSeen kills a proxy, then the one whose page is open, and looks at the
// page all the time, as it comes through the API server.
func TestFailoverIsSeen(t *testing.T) {
	tab, console := browser(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	proxies, err := demo.StartProxies(t.Context(), self, 3, demo.Guests{Phones: registrations}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxies.Close)
	names := proxies.Names()
	load := registered(t, proxies)
	phone(tab, t, 1100, "light")
	do(tab, t, "open", chromedp.Navigate(behind(t, proxies.Admin(names[0]))))
	await(tab, t, "the ring", arcs(names...))
	mustContrast(tab, t, false)
	mustFit(tab, t, 1100)

	if _, err := proxies.Kill(names[1]); err != nil {
		t.Fatal(err)
	}
	await(tab, t, "the arc goes", arcs(names[0], names[2]))
	await(tab, t, "the failover is drawn", `document.querySelector('#failovers rect[data-phase="without"], #failovers rect[data-phase="returning"]')`)
	await(tab, t, "the arc comes back", arcs(names...))
	await(tab, t, "the failover is over", `document.getElementById("failovers").innerText.includes("whole again after")`)
	await(tab, t, "a rate", `document.querySelector('b[data-rate="requests"]').innerText !== "–"`)
	text := value[string](tab, t, "document.body.innerText")
	for _, want := range []string{"lost " + names[1], "have their copies again", "new effective ring: 2 members", "new effective ring: 3 members", "as " + names[0] + " sees it"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	for _, look := range []struct {
		width  int64
		scheme string
	}{{375, "light"}, {375, "dark"}, {1100, "dark"}} {
		phone(tab, t, look.width, look.scheme)
		await(tab, t, "drawn for it", `document.querySelector("#failovers svg").viewBox.baseVal.width <= innerWidth`)
		mustContrast(tab, t, look.scheme == "dark")
		mustFit(tab, t, look.width)
	}
	for _, p := range load.Phones {
		if strings.Contains(text, p.User()) || strings.Contains(text, p.Contact()) {
			t.Errorf("the page names %s", p.AOR())
		}
	}
	if all := console.take(); len(all) > 0 {
		t.Errorf("the console has:\n%s", strings.Join(all, "\n"))
	}
	picture(tab, t)

	if _, err := proxies.Kill(names[0]); err != nil {
		t.Fatal(err)
	}
	await(tab, t, "the loss of the connection is said", `document.body.classList.contains("lost") && document.getElementById("link").innerText.startsWith("No connection since ")`)
	await(tab, t, "the page goes on", `!document.body.classList.contains("lost") && `+arcs(names...))
	await(tab, t, "events of the new process", `document.getElementById("entries").innerText.includes("new effective ring: 3 members")`)
	for _, c := range console.take() {
		if !strings.Contains(c, ": network: ") {
			t.Errorf("the console has, beside what could not be reached: %s", c)
		}
	}
}

// picture writes what is on the screen, if that is asked for.
func picture(tab context.Context, t *testing.T) {
	if *screenshot == "" {
		return
	}
	phone(tab, t, 900, "light")
	await(tab, t, "drawn for it", `document.querySelector("#failovers svg").viewBox.baseVal.width <= innerWidth`)
	text := do(tab, t, "screenshot", chromedp.FullScreenshot(100))
	full, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	few := image.NewPaletted(full.Bounds(), frequent(full)) // takes a fourth of the space
	draw.Draw(few, few.Rect, full, full.Bounds().Min, draw.Src)
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, few); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*screenshot, small.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// frequent are the colours that a picture has most of.
func frequent(m image.Image) color.Palette {
	count := map[color.Color]int{}
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			count[m.At(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	return all[:min(len(all), 256)]
}
