//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/hack/kube/image"
)

const (
	// kindsCase has other applications than case sidecar, and other users of them.
	kindsCase = "sidecar-kinds"
	// bareImage is of Debian's baresip.
	bareImage     = "sipring.local/baresip:e2e"
	bareContainer = "baresip"
	// bareUsers have an account of it, as its manifest has them.
	bareUsers = 24
	// mailAfter is the noAnswerSeconds of the manifest.
	mailAfter = 2 * time.Second
)

var (
	mailVIP = netip.MustParseAddrPort("203.0.113.28:5060")
	bareVIP = netip.MustParseAddrPort("203.0.113.29:5060")
)

// playKinds has phones call voicemail over TCP, and baresip, beside the proxies.
func playKinds(ctx context.Context, e *env) (results []*result, err error) {
	r := &result{Case: kindsCase, Title: "voicemail over TCP, and baresip, beside each proxy", Patience: sidecarPatience}
	results = []*result{r}
	if e.stage.o.ipv6 {
		r.Skipped = "the phones are configured for IPv4 here"
		return results, nil
	}
	err = errors.Join(e.kube.loadImage(ctx, echoImage, filepath.Join("bin", "echo")), e.kube.loadBaresip(ctx))
	if err != nil {
		return results, err
	}
	for _, kind := range []struct {
		sipCluster, manifest string
		vip                  netip.AddrPort
		play                 func(ctx context.Context, s *sidecar) error
	}{
		{"mail", "hack/e2e/manifests/voicemail.yaml", mailVIP, voicemail},
		{"bare", "hack/e2e/manifests/baresip.yaml", bareVIP, baresipAnswers},
	} {
		s := e.newSidecar(kindsCase, kind.sipCluster, kind.manifest, kind.vip, r)
		if err := s.stay(ctx, func(ctx context.Context) error {
			if err := kind.play(ctx, s); err != nil {
				r.note(fmt.Errorf("%s: %w", kind.sipCluster, err))
			}
			return nil
		}); err != nil {
			return results, err
		}
	}
	return results, nil
}

// loadBaresip makes an image of the baresip that is installed here, with what it needs.
func (k *kube) loadBaresip(ctx context.Context) error {
	program, err := exec.LookPath("baresip")
	if err != nil {
		return err
	}
	modules, err := filepath.Glob("/usr/lib/baresip/modules/*.so")
	if err != nil {
		return err
	}
	files := map[string]string{}
	for _, m := range modules {
		switch filepath.Base(m) {
		case "g711.so", "account.so", "menu.so":
			files[m] = m
		}
	}
	out, err := exec.CommandContext(ctx, "ldd", program).Output()
	if err != nil {
		return fmt.Errorf("ldd %s: %w", program, err)
	}
	for field := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(field, "/") {
			files[field] = field
		}
	}
	return k.load(ctx, image.Image{Name: bareImage, Binary: program, Files: files})
}

// voicemail: it has the calls that no phone takes, over TCP; a phone that answers has its
// own.
func voicemail(ctx context.Context, s *sidecar) error {
	const rings = "guest"
	silent, err := s.phone(ctx, phones.Config{User: rings, Ring: time.Hour})
	if err != nil {
		return err
	}
	defer silent.Close()
	for _, call := range []struct {
		user        string
		application bool
		after       time.Duration
	}{
		{phones.User(1), false, 0},
		{rings, true, mailAfter},
		{"nobody", true, 0},
	} {
		began := time.Now()
		c, err := s.dial(ctx, 0, call.user, mailAfter+sidecarPatience)
		if err != nil {
			return err
		}
		took := time.Since(began)
		s.stage.step("voicemail over TCP: a call to %s answered by %q after %v", call.user, c.Application, took.Round(time.Millisecond))
		if (c.Application != "") != call.application || took < call.after {
			err = fmt.Errorf("a call to %s is answered by %q after %v", call.user, c.Application, took)
		}
		if call.application {
			status, asked := c.Ask(ctx, "INFO")
			if asked == nil && status != 200 {
				asked = fmt.Errorf("an INFO to voicemail: %d", status)
			}
			err = errors.Join(err, asked)
		}
		if err := errors.Join(err, c.hangUp(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// baresipAnswers: it has the calls to who has no phone, and that of the next owner has them
// when it is killed.
func baresipAnswers(ctx context.Context, s *sidecar) error {
	c, err := s.dial(ctx, 0, phones.User(1), sidecarPatience)
	if err != nil {
		return err
	}
	if err := errors.Join(c.hangUp(ctx), wants(c.Software, "")); err != nil {
		return fmt.Errorf("a call to who has a phone: %w", err)
	}
	const victim = "bare-0"
	var own []string
	for i := range bareUsers {
		at, err := s.bareAt(ctx, conference(i))
		if err != nil {
			return err
		}
		if at == victim {
			own = append(own, conference(i))
		}
	}
	s.stage.step("baresip answers %d of %d users, %d of them beside %s", bareUsers, bareUsers, len(own), victim)
	if len(own) == 0 {
		return fmt.Errorf("no user is at %s", victim)
	}
	killed, err := s.kube.cluster.KillContainerProcess(ctx, namespace, victim, bareContainer, unix.SIGKILL)
	if err != nil {
		return err
	}
	for _, user := range own {
		c, err := s.dial(ctx, 0, user, sidecarPatience)
		if err != nil {
			return err
		}
		if err := errors.Join(wants(c.Software, "baresip"), c.hangUp(ctx)); err != nil {
			return err
		}
	}
	s.stage.step("baresip of %s killed: its %d users answered by others' in %v", victim, len(own), time.Since(killed.At).Round(time.Millisecond))
	if err := s.serve(ctx, 3); err != nil {
		return err
	}
	at, err := s.bareAt(ctx, own[0])
	if err == nil {
		err = wants(at, victim)
	}
	return err
}

func wants(got, want string) error {
	if !strings.HasPrefix(got, want) || want == "" && got != "" {
		return fmt.Errorf("it is %q, want %q", got, want)
	}
	return nil
}

// bareAt calls a user and hangs up: the pod whose application has the call.
func (s *sidecar) bareAt(ctx context.Context, user string) (at string, err error) {
	c, err := s.dial(ctx, 0, user, sidecarPatience)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.hangUp(ctx)) }()
	if err := wants(c.Software, "baresip"); err != nil {
		return "", err
	}
	pods, err := s.proxies.pods(ctx)
	if err != nil {
		return "", err
	}
	for i := range pods {
		beside, err := s.besideOf(ctx, &pods[i])
		if err != nil {
			return "", err
		}
		if beside.Calls > 0 {
			at += pods[i].Name
		}
	}
	return at, nil
}

// besideOf is what the proxy of a pod says of the application beside it.
type besideOf struct {
	State string
	Calls int
}

func (s *sidecar) besideOf(ctx context.Context, pod *corev1.Pod) (besideOf, error) {
	var status struct{ Application besideOf }
	err := s.proxies.admin(ctx, pod, "/v1/status", &status)
	return status.Application, err
}
