"""The tables and indexes that a plan reads are found in its text."""

from __future__ import annotations

from benchmarks.store.plans import reads

_PLAN = """Aggregate  (cost=1.00..2.00 rows=1 width=8) (actual time=0.1..0.2 rows=1.00 loops=1)
  ->  Index Scan using "orders_createdAt_idx" on orders o  (cost=0.42..9.50 rows=2 width=80)
        Index Cond: ("createdAt" >= '2026-10-23 22:17:38.252621'::timestamp without time zone)
  ->  Bitmap Heap Scan on autopilot_cycle_logs a  (cost=9.34..51.19 rows=90 width=12)
        ->  Bitmap Index Scan on autopilot_cycle_logs_stage_idx  (cost=0.00..9.75 rows=91 width=0)
  ->  Parallel Seq Scan on sales s  (cost=0.00..37994.00 rows=971133 width=29)
  ->  Index Only Scan Backward using sales_pkey on sales s_1  (cost=0.42..9.50 rows=2 width=4)
  ->  Index Scan using orders_pkey on orders o_1  (cost=0.42..9.50 rows=2 width=4) (never executed)
  ->  Seq Scan on users u  (cost=0.00..1.40 rows=40 width=50) (never executed)
  ->  Index Scan using "orders_createdAt_idx" on orders o_2  (cost=0.42..9.50 rows=2 width=80)
  ->  CTE Scan on judged  (cost=0.00..1.40 rows=40 width=50)
"""


def test_a_plan_reads_indexes_and_scans_tables() -> None:
    """Indexes and tables come once and in order, without those of steps that never ran."""
    found = reads(_PLAN)
    assert found.indexes == ("orders_createdAt_idx", "autopilot_cycle_logs_stage_idx", "sales_pkey")
    assert found.scans == ("sales",)
