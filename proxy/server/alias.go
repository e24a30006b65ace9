package server

// noteAlias has a proxy that has connected over TLS, and says in its Via that what is for
// it may come back over the connection, be reached so (RFC 5923 5).
func (r *request) noteAlias() {
	via := &r.reply.via
	if _, asked := via.Param("alias"); asked {
		r.s.layer.Alias(r.from, string(via.Host), via.Port)
	}
}
