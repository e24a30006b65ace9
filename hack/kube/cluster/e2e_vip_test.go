//go:build linux && e2e

package cluster_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// reachThroughVIP: flows from outside are spread over the nodes and keep their
// source address, in either family.
func (s *scenario) reachThroughVIP() {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "echo"},
		Spec: corev1.ServiceSpec{
			Type:                  corev1.ServiceTypeLoadBalancer,
			ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal,
			IPFamilyPolicy:        new(corev1.IPFamilyPolicyRequireDualStack),
			Selector:              map[string]string{"app": "echo"},
			Ports:                 []corev1.ServicePort{{Name: "udp", Protocol: corev1.ProtocolUDP, Port: 5060, TargetPort: intstr.FromInt32(echoPort)}},
		},
	}
	if _, err := s.c.Client().CoreV1().Services(namespace).Create(s.Context(), service, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.Context())
	wait, err := s.c.AnnounceVIP(ctx, namespace, "echo", vip, vip6)
	if err != nil {
		cancel()
		s.Fatal(err)
	}
	s.stop = func() { cancel(); wait() }
	s.eventually(30*time.Second, func(ctx context.Context) error { return s.onlyReaches(ctx, nodes) })
	s.done("addresses reach every pod")
}

// onlyReaches: of 30 flows to each address all are answered, by want pods in all.
func (s *scenario) onlyReaches(ctx context.Context, want int) error {
	for _, to := range []string{vip, vip6} {
		seen := map[string]bool{}
		for range 30 {
			pod, err := s.ask(ctx, to, "")
			if err != nil {
				return fmt.Errorf("%s: %w", to, err)
			}
			seen[pod] = true
		}
		if len(seen) != want {
			return fmt.Errorf("30 flows to %s reached %v", to, seen)
		}
	}
	return nil
}

// ask sends one datagram from the client machine to the address, from a fresh
// port of source, and returns the pod that answered.
func (s *scenario) ask(ctx context.Context, to, source string) (string, error) {
	var conn net.Conn
	err := s.c.InClient(func() error {
		dialer := net.Dialer{}
		if source != "" {
			dialer.LocalAddr = &net.UDPAddr{IP: net.ParseIP(source)}
		}
		var err error
		conn, err = dialer.DialContext(ctx, "udp", net.JoinHostPort(to, "5060"))
		return err
	})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte("who")); err != nil {
		return "", err
	}
	buf := make([]byte, 1500)
	n, err := conn.Read(buf)
	if err != nil {
		return "", err
	}
	pod, seen, _ := strings.Cut(string(buf[:n]), " ")
	if seen != conn.LocalAddr().String() {
		return "", fmt.Errorf("pod %s saw %s, sent from %s", pod, seen, conn.LocalAddr())
	}
	return pod, nil
}

// keepPhoneAddress: a phone may have any address of PhoneNet and PhoneNet6.
func (s *scenario) keepPhoneAddress() {
	for source, to := range map[string]string{
		"198.51.100.1": vip, "198.51.100.200": vip, "2001:db8:198::1": vip6, "2001:db8:198::ffff:1": vip6,
	} {
		if _, err := s.ask(s.Context(), to, source); err != nil {
			s.Errorf("from %s: %v", source, err)
		}
	}
	s.done("phones have their own addresses")
}
