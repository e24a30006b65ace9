package command

import "github.com/sipring/sipring/proxy/certificates"

// openCertificates reads those of the listeners, and has them followed.
func (p *proxy) openCertificates() {
	m := certificates.NewMetrics()
	p.certificates = certificates.Open(p.config.Load().Listeners, p.log, m)
	p.metrics.registry.MustRegister(m)
}
