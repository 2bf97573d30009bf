-- A role that can read what the criteria judge, and nothing else. Run it as the tables' owner.
CREATE ROLE prodstatus_reader LOGIN;  -- then, in psql: \password prodstatus_reader
ALTER ROLE prodstatus_reader SET default_transaction_read_only = on;
GRANT USAGE ON SCHEMA public TO prodstatus_reader;
GRANT SELECT (id, "userId", "apiName", environment, credentials, "isActive", "updatedAt", scope)
  ON api_credentials TO prodstatus_reader;
GRANT SELECT (id, "platformCommissionPct", "adminPaypalEmail")
  ON platform_config TO prodstatus_reader;
GRANT SELECT (id, "paypalPayoutEmail", "payoneerPayoutEmail") ON users TO prodstatus_reader;
GRANT SELECT (id, status, supplier, "productId", "aliexpressOrderId", "paypalOrderId",
    "failureReason", "fulfillmentNotes", "fulfillRetryCount", "manualFulfillmentRequired",
    "manualPurchaseDate", "lastAttemptAt", "createdAt", "updatedAt")
  ON orders TO prodstatus_reader;
GRANT SELECT (id, "userId", "productId", "orderId", status, environment, currency, "salePrice",
    "aliexpressCost", "marketplaceFee", "grossProfit", "commissionAmount", "netProfit",
    "adminPayoutId", "userPayoutId", "payoutExecuted", "completedAt", "createdAt")
  ON sales TO prodstatus_reader;
GRANT SELECT (id, "userId", currency, "publishedAt", "createdAt") ON products TO prodstatus_reader;
GRANT SELECT ("productId", "publishedAt") ON marketplace_listings TO prodstatus_reader;
GRANT SELECT ("userId", "createdAt") ON opportunities TO prodstatus_reader;
GRANT SELECT (id, "userId", "cycleId", stage, success, "createdAt")
  ON autopilot_cycle_logs TO prodstatus_reader;
