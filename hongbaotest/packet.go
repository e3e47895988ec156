package hongbaotest

import (
	"context"
	"fmt"
	"time"

	"hongbao.example/hongbao"
	"hongbao.example/hongbao/internal/engine"
	"hongbao.example/hongbao/internal/fault"
	"hongbao.example/hongbao/internal/packet"
)

// Claim opens a share of the packet that was sent under a bill number, for whoever
// openid is, as if they had come by its link. The receiver of the packet must be the
// first. Claiming again gives the same share again. The error tells why nobody got
// anything: "seed_first", "finished", "expired", "not_found", …
func (s *Server) Claim(billNo, openid string) (hongbao.Claim, error) {
	id, err := s.find(billNo)
	if err != nil {
		return hongbao.Claim{}, err
	}
	who := engine.Person{Provider: "sandbox", Space: AppID, Subject: openid}
	c, err := s.engine.Claim(context.Background(), id, who, 0, fault.OK)
	if err != nil {
		return hongbao.Claim{}, fmt.Errorf("hongbaotest: claim for %s: %w", openid, err)
	}
	return hongbao.Claim{OpenID: openid, Amount: int64(c.Amount), ClaimedAt: time.UnixMilli(c.At).Truncate(time.Second)}, nil
}

// Expire ends a packet as if its time were over: what nobody has claimed goes back
// to the merchant.
func (s *Server) Expire(billNo string) error {
	id, err := s.find(billNo)
	if err != nil {
		return err
	}
	if err := s.engine.End(context.Background(), id, "hongbaotest"); err != nil {
		return fmt.Errorf("hongbaotest: expire %s: %w", billNo, err)
	}
	return nil
}

// Balance returns what the merchant has left, in fen: what was sent is gone, what
// was not claimed comes back when the packet ends.
func (s *Server) Balance() int64 {
	book, _, err := s.engine.Statement(context.Background(), MchID, 0, 0)
	if err != nil {
		panic("hongbaotest: " + err.Error()) // the merchant is there from the start
	}
	return int64(book.Balance)
}

func (s *Server) find(billNo string) (packet.ID, error) {
	report, err := s.engine.Query(context.Background(), MchID, billNo)
	if err != nil {
		return 0, fmt.Errorf("hongbaotest: packet %s: %w", billNo, err)
	}
	return report.Packet.Head.ID, nil
}
