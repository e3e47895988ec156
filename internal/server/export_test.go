package server

import "net/http"

// ClientAddress tells where a request comes from, behind these proxies.
var ClientAddress = clientAddress

// ServePublic has a server that does not serve yet answer the public by another handler.
func ServePublic(s *Server, h http.Handler) { s.public.Handler = s.newServer(h).Handler }
