package desired

import (
	"fmt"

	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// Config is the proxies' configuration. The address that they advertise is not
// in it but in the member set, so that it can change without a restart.
func Config(c *v1alpha1.SIPCluster) (*config.Config, error) {
	cfg := &config.Config{
		Cluster: c.Name,
		Ports: config.Ports{
			SIP: int(Listeners(c)[0].Port), Peer: int(c.Spec.Ports.Peer), Health: int(c.Spec.Ports.Health), Admin: int(c.Spec.Ports.Admin),
		},
		Registrar:      registrar(c.Spec.Registrar),
		LogLevel:       c.Spec.LogLevel,
		DrainSeconds:   new(int(drainSeconds(c))),
		MaxRingSeconds: int(c.Spec.MaxRingSeconds),
		TokenHours:     int(c.Spec.TokenHours),
		Egress:         egress(&c.Spec.Egress),
		Authentication: authentication(c.Spec.Authentication),
		Limits: config.Limits{
			NewPerSecond: int(c.Spec.Limits.NewPerSecond), MessagesPerSecond: int(c.Spec.Limits.MessagesPerSecond), Trusted: c.Spec.Limits.Trusted,
			Connections: connectionLimits(c.Spec.Limits.Connections),
		},
	}
	cfg.LocalApp = localApp(c.Spec.LocalApp)
	cfg.ControlSocket = config.ControlSocketPath
	for _, d := range c.Spec.Domains {
		cfg.Domains = append(cfg.Domains, string(d))
	}
	for _, a := range c.Spec.Aliases {
		cfg.Aliases = append(cfg.Aliases, string(a))
	}
	cfg.Listeners = configListeners(c)
	cfg.SharedAddresses = namedAddresses(c)
	cfg.ApplyDefaults()
	return cfg, cfg.Validate()
}

func registrar(r v1alpha1.Registrar) config.Registrar {
	out := config.Registrar{MinExpires: int(r.MinExpiresSeconds), MaxExpires: int(r.MaxExpiresSeconds), MaxContacts: int(r.MaxContacts)}
	if r.DefaultExpiresSeconds != nil {
		out.DefaultExpires = int(*r.DefaultExpiresSeconds)
		return out
	}
	out.DefaultExpires = config.DefaultDefaultExpires
	if out.MaxExpires > 0 {
		out.DefaultExpires = min(out.DefaultExpires, out.MaxExpires)
	}
	out.DefaultExpires = max(out.DefaultExpires, out.MinExpires)
	return out
}

func connectionLimits(l v1alpha1.ConnectionLimits) config.ConnectionLimits {
	return config.ConnectionLimits{Total: int(l.Total), PerSource: int(l.PerSource), NewPerSecond: int(l.NewPerSecond)}
}

func egress(e *v1alpha1.Egress) config.Egress {
	out := config.Egress{Contacts: e.Contacts}
	for _, rule := range e.Allow {
		out.Allow = append(out.Allow, string(rule))
	}
	for _, rule := range e.Deny {
		out.Deny = append(out.Deny, string(rule))
	}
	return out
}

// ConfigText is the proxies' configuration as they read it, at most about 185 KiB: 75 without
// what listeners have of TLS and WebSocket.
func ConfigText(c *v1alpha1.SIPCluster) (string, error) {
	cfg, err := Config(c)
	if err != nil {
		return "", err
	}
	text, err := yaml.Marshal(cfg)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", config.ConfigKey, err)
	}
	return string(text), nil
}

// MembersConfigMap holds the published member set. resourceVersion is that of
// the ConfigMap that it replaces: applying it conflicts with any other change.
func MembersConfigMap(c *v1alpha1.SIPCluster, set *config.MemberSet, resourceVersion string) (*corev1ac.ConfigMapApplyConfiguration, error) {
	text, err := set.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", config.MembersKey, err)
	}
	cm := owned(corev1ac.ConfigMap(MembersName(c.Name), c.Namespace), c).
		WithData(map[string]string{config.MembersKey: string(text)})
	if resourceVersion != "" {
		cm.WithResourceVersion(resourceVersion)
	}
	return cm, nil
}

// TrustConfigMap tells the proxies by whose signature to believe a member set.
func TrustConfigMap(c *v1alpha1.SIPCluster, trust *config.Trust) (*corev1ac.ConfigMapApplyConfiguration, error) {
	text, err := trust.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", config.TrustKey, err)
	}
	return owned(corev1ac.ConfigMap(TrustName(c.Name), c.Namespace), c).
		WithData(map[string]string{config.TrustKey: string(text)}), nil
}

// RingParameters of the member set.
func RingParameters(c *v1alpha1.SIPCluster) config.Ring {
	return config.Ring{Partitions: int(c.Spec.Ring.Partitions), Replicas: int(c.Spec.Ring.Replicas)}.WithDefaults()
}

// Replicas is the number of proxies asked for.
func Replicas(c *v1alpha1.SIPCluster) int32 {
	if c.Spec.Replicas == nil {
		return 3
	}
	return *c.Spec.Replicas
}

func drainSeconds(c *v1alpha1.SIPCluster) int32 {
	if c.Spec.DrainSeconds == nil {
		return config.DefaultDrainSeconds
	}
	return *c.Spec.DrainSeconds
}
