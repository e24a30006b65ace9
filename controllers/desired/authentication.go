package desired

import (
	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// authentication in the proxies' configuration. A cluster that is open has none, like
// one that says nothing of it: what a proxy of an earlier version does, and no pod is
// rolled for saying it.
func authentication(a *v1alpha1.Authentication) *config.Authentication {
	if a == nil || a.Digest == nil {
		return nil
	}
	out := &config.Authentication{
		Digest:      config.Digest{NonceSeconds: int(a.Digest.NonceSeconds), BindSource: a.Digest.BindSource},
		Credentials: credentials(&a.Digest.Credentials),
		Outside:     a.Outside, AssertIdentity: a.AssertIdentity,
	}
	for _, algorithm := range a.Digest.Algorithms {
		out.Digest.Algorithms = append(out.Digest.Algorithms, string(algorithm))
	}
	for _, d := range a.Domains {
		out.Domains = append(out.Domains, config.DomainAuthentication{Domain: d.Domain, Open: d.Open != nil, Realm: d.Realm, Outside: d.Outside})
	}
	for _, t := range a.Trusted {
		out.Trusted = append(out.Trusted, config.TrustedSource{Prefix: t.CIDR, Identity: t.Identity})
	}
	if a.Calls != nil {
		out.Calls = config.CallLimits{PerMinute: int(a.Calls.PerMinute), InSetup: int(a.Calls.InSetup)}
	}
	return out
}

// credentials name the files as they are mounted.
func credentials(c *v1alpha1.Credentials) (out config.Credentials) {
	at := credentialPaths(c)
	for _, s := range c.Secrets {
		path := at[s.Name]
		if s.Key != "" {
			path += "/" + string(s.Key)
		}
		out.Files = append(out.Files, path)
	}
	file := func(r *v1alpha1.SecretReference) string {
		if r == nil {
			return ""
		}
		return at[r.SecretName] + "/" + string(r.Key)
	}
	if p := c.Postgres; p != nil {
		out.Postgres = &config.PostgresCredentials{ConnectionFile: file(&p.Connection), Query: p.Query, Channel: p.Channel}
		asking(&p.Asking, &out)
	}
	if h := c.HTTP; h != nil {
		out.HTTP = &config.HTTPCredentials{URL: h.URL, BearerFile: file(h.Bearer), CAFile: file(h.CA)}
		if h.ClientCertificate != nil {
			path := at[h.ClientCertificate.SecretName]
			out.HTTP.CertificateFile, out.HTTP.KeyFile = path+"/tls.crt", path+"/tls.key"
		}
		asking(&h.Asking, &out)
	}
	return out
}

func asking(a *v1alpha1.Asking, out *config.Credentials) {
	out.CacheSeconds, out.TimeoutSeconds, out.MaxConcurrent = int(a.CacheSeconds), int(a.TimeoutSeconds), int(a.MaxConcurrent)
	if a.StaleSeconds != nil {
		out.StaleSeconds = new(int(*a.StaleSeconds))
	}
}
