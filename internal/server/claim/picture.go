package claim

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/http"
	"sync"

	"rsc.io/qr"
)

// Sizes of a poster, in pixels.
const (
	posterWidth  = 640
	posterHeight = 860
	posterMargin = 24 // around a gold line
	posterLine   = 4
	posterField  = 480 // at most, of the code with its quiet zone
)

// quietZone is what scanners want free around a code, in modules.
const quietZone = 4

// keep lets browsers keep an answer that follows from its address alone.
const keep = "private, max-age=86400"

// code encodes the link at hand. It does not depend on who is looking: a picture
// is passed on like the link itself.
func (x *exchange) code() (*qr.Code, error) { return qr.Encode(x.address(x.token), qr.M) }

// qr draws the link as a QR code. docs/api/claim.md#pictures
func (x *exchange) qr() error {
	c, err := x.code()
	if err != nil {
		return err
	}
	x.w.Header().Set("Cache-Control", keep)
	x.send(http.StatusOK, "image/png", c.PNG()) // the library draws the quiet zone
	return nil
}

// Colours of a poster, as indexes into its palette.
const (
	posterRed = iota
	posterWhite
	posterBlack
	posterGold
)

// poster shows the QR code on a red card, to be kept or printed.
func (x *exchange) poster() error {
	text, ok := x.h.posters.find(x.token)
	if !ok {
		c, err := x.code()
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := png.Encode(&out, drawPoster(c)); err != nil {
			return err
		}
		text = out.Bytes()
		x.h.posters.put(x.token, text)
	}
	x.w.Header().Set("Cache-Control", keep)
	x.send(http.StatusOK, "image/png", text)
	return nil
}

// posters keeps the last posters drawn, as they are sent: little more than a kilobyte
// each, which takes milliseconds to make.
type posters struct {
	mu    sync.Mutex        // guards drawn
	drawn map[string][]byte // by token
}

func newPosters() *posters { return &posters{drawn: make(map[string][]byte)} }

func (p *posters) find(token string) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, ok := p.drawn[token]
	return text, ok
}

// put keeps a poster, and forgets all others when there are too many.
func (p *posters) put(token string, text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.drawn) >= postersMax {
		clear(p.drawn)
	}
	p.drawn[token] = text
}

// drawPoster draws a card with a gold line around a code on white.
func drawPoster(c *qr.Code) *image.Paletted {
	card := image.NewPaletted(image.Rect(0, 0, posterWidth, posterHeight), color.Palette{
		posterRed:   color.RGBA{0xc8, 0x10, 0x2e, 0xff},
		posterWhite: color.RGBA{0xff, 0xff, 0xff, 0xff},
		posterBlack: color.RGBA{0x00, 0x00, 0x00, 0xff},
		posterGold:  color.RGBA{0xf7, 0xdf, 0xa0, 0xff},
	})
	fill := func(r image.Rectangle, index uint8) {
		draw.Draw(card, r, image.NewUniform(card.Palette[index]), image.Point{}, draw.Src)
	}
	square := func(at image.Point, side int) image.Rectangle {
		return image.Rectangle{Min: at, Max: at.Add(image.Pt(side, side))}
	}
	fill(card.Bounds().Inset(posterMargin), posterGold)
	fill(card.Bounds().Inset(posterMargin+posterLine), posterRed)
	module := posterField / (c.Size + 2*quietZone)
	side := module * (c.Size + 2*quietZone)
	corner := image.Pt((posterWidth-side)/2, (posterHeight-side)/2)
	fill(square(corner, side), posterWhite)
	for y := range c.Size {
		for x := range c.Size {
			if c.Black(x, y) {
				fill(square(corner.Add(image.Pt(x+quietZone, y+quietZone).Mul(module)), module), posterBlack)
			}
		}
	}
	return card
}
