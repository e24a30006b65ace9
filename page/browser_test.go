package page_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/sipring/sipring/page/chromium"
)

// browser returns a tab of Debian's Chromium and what it complains about. On a
// machine that has none the test is skipped, unless that is to have one.
func browser(t *testing.T) (context.Context, *complaints) {
	t.Helper()
	tab := chromium.Tab(t)
	c := &complaints{}
	call(tab, t, cdplog.Enable, cdp.Empty{})
	call(tab, t, runtime.Enable, cdp.Empty{})
	if err := chromedp.Listen(tab, c.hear); err != nil {
		t.Fatal(err)
	}
	return tab, c
}

// complaints are the errors and warnings in the browser's console. Safe for
// concurrent use.
type complaints struct {
	mu  sync.Mutex
	all []string
}

func (c *complaints) hear(event any) {
	var text string
	switch e := event.(type) {
	case *cdplog.EventEntryAdded:
		text = fmt.Sprintf("%s: %s: %s %s", e.Entry.Level, e.Entry.Source, e.Entry.Text, e.Entry.URL)
	case *runtime.EventExceptionThrown:
		text = (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error()
	case *runtime.EventConsoleAPICalled:
		for _, a := range e.Args {
			text += string(a.Value) + " "
		}
	default:
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, text)
}

// take returns what was heard since it was last called.
func (c *complaints) take() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, c.all = c.all, nil
	return all
}

// do runs an action in the tab.
func do[T any](tab context.Context, t *testing.T, what string, action chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(tab, action)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return v
}

// call has the tab carry out a command of the protocol.
func call[P, R any](tab context.Context, t *testing.T, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(tab, command, params); err != nil {
		t.Fatalf("%s: %v", command.Method, err)
	}
}

// value evaluates an expression in the page.
func value[T any](tab context.Context, t *testing.T, expression string) T {
	t.Helper()
	return do(tab, t, expression, chromedp.Evaluate[T](expression))
}

// longest is what a condition of the page may take on a busy machine.
const longest = time.Minute

// await returns once the expression is true, looked at whenever the page changes. Where
// it never is, it says what the page shows.
func await(tab context.Context, t *testing.T, what, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, longest)
	defer cancel()
	script := fmt.Sprintf(`new Promise(done => {
		const look = () => { if (%s) { observer.disconnect(); done(true); } };
		const observer = new MutationObserver(look);
		observer.observe(document.documentElement, { childList: true, subtree: true, attributes: true, characterData: true });
		look();
	})`, expression)
	_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise))
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%s: not within %s; the page shows:\n%s", what, longest, value[string](tab, t, "document.body.innerText"))
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// phone makes the tab one of that width, and of that scheme of colours.
func phone(tab context.Context, t *testing.T, width int64, scheme string) {
	t.Helper()
	call(tab, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 600})
	call(tab, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// mustFit: nothing of the page reaches beyond the screen's width.
func mustFit(tab context.Context, t *testing.T, width int64) {
	t.Helper()
	wide := value[[]string](tab, t, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.tagName + " " + e.textContent.slice(0, 40))`)
	if scroll := value[int64](tab, t, "document.documentElement.scrollWidth"); scroll > width || len(wide) > 0 {
		t.Errorf("at %d px the page is %d wide: %s", width, scroll, strings.Join(wide, "; "))
	}
}

// mustContrast: text and background differ, the background being dark or light as
// asked for.
func mustContrast(tab context.Context, t *testing.T, dark bool) {
	t.Helper()
	const light = `(name => { const [r, g, b] = getComputedStyle(document.body)[name].match(/\d+/g).map(Number); return (2*r + 5*g + b) / 8 / 255; })`
	back, text := value[float64](tab, t, light+`("backgroundColor")`), value[float64](tab, t, light+`("color")`)
	if (back < 0.3) != dark || (text > 0.7) != dark {
		t.Errorf("dark %v: the background is %.2f light, text %.2f", dark, back, text)
	}
}
