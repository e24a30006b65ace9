package memberset

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// patience bounds the API's silence. A watch may rightly say nothing for minutes, so
// the connection itself is asked (HTTP/2 ping): a server that went away without
// a word is noticed after pingAfter plus pingWait.
type patience struct{ pingAfter, pingWait, connect, header time.Duration }

func defaultPatience() patience {
	return patience{pingAfter: 5 * time.Second, pingWait: 3 * time.Second, connect: 3 * time.Second, header: 10 * time.Second}
}

// InCluster returns a client with the pod's own account. It does not contact
// the API.
func InCluster() (kubernetes.Interface, error) {
	cfg, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("account of the pod: %w", err)
	}
	return NewClient(cfg)
}

// NewClient returns a client that notices within seconds that the API is away;
// client-go's own takes 45. It does not contact the API.
func NewClient(cfg *rest.Config) (kubernetes.Interface, error) {
	return newClient(cfg, defaultPatience())
}

func newClient(cfg *rest.Config, p patience) (kubernetes.Interface, error) {
	tls, err := rest.TLSConfigFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("TLS towards the API: %w", err)
	}
	dialer := &net.Dialer{Timeout: p.connect, KeepAlive: p.pingAfter}
	transport, err := rest.HTTPWrappersForConfig(cfg, &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       tls,
		TLSHandshakeTimeout:   p.connect,
		ResponseHeaderTimeout: p.header,
		IdleConnTimeout:       time.Minute,
		ForceAttemptHTTP2:     true,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: p.pingAfter, PingTimeout: p.pingWait},
	})
	if err != nil {
		return nil, fmt.Errorf("account towards the API: %w", err)
	}
	client, err := kubernetes.NewForConfigAndClient(cfg, &http.Client{Transport: transport})
	if err != nil {
		return nil, fmt.Errorf("client of the API: %w", err)
	}
	return client, nil
}
