// Package chromium has tests use Debian's Chromium.
package chromium

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// testLimit is how long one test may have the browser.
const testLimit = 4 * time.Minute

// Tab returns the tab of a browser, which ends with the test. On a machine that has no
// Chromium the test is skipped, unless that is to have one (CI).
func Tab(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		const how = "no chromium here: hack/tools/packages.sh page/packages.txt, as root, installs Debian's"
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WSURLReadTimeout(time.Minute))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which root cannot have
	}
	limited, cancel := context.WithTimeout(t.Context(), testLimit)
	t.Cleanup(cancel)
	all, cancelAll := chromedp.NewExecAllocator(limited, append(options, more...)...)
	t.Cleanup(cancelAll)
	tab, cancelTab := chromedp.NewContext(all)
	t.Cleanup(cancelTab)
	return tab
}
