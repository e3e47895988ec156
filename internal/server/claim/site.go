package claim

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"

	"hongbao.example/hongbao/internal/packet"
)

//go:embed site
var files embed.FS

// site is what the pages are made of.
type site struct {
	pages   [2]*template.Template // by language
	style   []byte
	version string // of style; part of its address, so that no browser shows an old one
}

func newSite() (*site, error) {
	s := &site{}
	var err error
	if s.style, err = files.ReadFile("site/hb.css"); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(s.style)
	s.version = hex.EncodeToString(sum[:4])
	for _, l := range []language{chinese, english} {
		s.pages[l], err = template.New("").Funcs(template.FuncMap{
			"say": l.say, "money": l.money, "span": l.span, "date": l.date, "clock": l.clock, "instant": instant,
		}).ParseFS(files, "site/*.html")
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// frame is what every page needs.
type frame struct {
	Lang, Title, Version string
	Sandbox              bool
}

func (x *exchange) frame(title string) frame {
	return frame{
		Lang: x.lang.tag(), Title: title, Version: x.h.site.version,
		Sandbox: x.h.cfg.Engine.Environment() == packet.Sandbox,
	}
}

// render writes a page. Nothing is written before all of it is there.
func (x *exchange) render(status int, name string, data any) error {
	var out bytes.Buffer
	if err := x.h.site.pages[x.lang].ExecuteTemplate(&out, name, data); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	x.w.Header().Set("Content-Language", x.lang.tag())
	x.send(status, "text/html; charset=utf-8", out.Bytes())
	return nil
}

// home tells who comes without a link what this is.
func (x *exchange) home() error {
	return x.render(http.StatusOK, "home", x.frame(x.lang.say("home")))
}

// style answers with the style sheet.
func (x *exchange) style() error {
	x.w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	x.send(http.StatusOK, "text/css; charset=utf-8", x.h.site.style)
	return nil
}
