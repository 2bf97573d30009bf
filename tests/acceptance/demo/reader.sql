-- A role that can read what the criteria judge, and nothing else. Run it as the tables' owner.
CREATE ROLE prodstatus_reader LOGIN;  -- then, in psql: \password prodstatus_reader
ALTER ROLE prodstatus_reader SET default_transaction_read_only = on;
GRANT USAGE ON SCHEMA public TO prodstatus_reader;
GRANT SELECT (id, "userId", "apiName", environment, credentials, "isActive", "updatedAt", scope)
  ON api_credentials TO prodstatus_reader;
GRANT SELECT (id, "platformCommissionPct", "adminPaypalEmail", "updatedAt")
  ON platform_config TO prodstatus_reader;
GRANT SELECT (id, "paypalPayoutEmail", "payoneerPayoutEmail") ON users TO prodstatus_reader;
GRANT SELECT (id, "userId", status, price, currency, supplier, "productId", "aliexpressOrderId",
    "paypalOrderId", "failureReason", "fulfillmentNotes", "fulfillRetryCount",
    "manualFulfillmentRequired", "manualPurchaseDate", "lastAttemptAt", "createdAt", "updatedAt")
  ON orders TO prodstatus_reader;
GRANT SELECT (id, "userId", "productId", "orderId", status, environment, currency, "salePrice",
    "aliexpressCost", "marketplaceFee", "grossProfit", "commissionAmount", "netProfit",
    "adminPayoutId", "userPayoutId", "payoutExecuted", "createdAt")
  ON sales TO prodstatus_reader;
GRANT SELECT (id, "userId", title, currency, "shippingCost", "importTax", "publishedAt",
    "createdAt", "updatedAt")
  ON products TO prodstatus_reader;
GRANT SELECT ("userId", "productId", "publishedAt") ON marketplace_listings TO prodstatus_reader;
GRANT SELECT ("userId", title, "createdAt") ON opportunities TO prodstatus_reader;
GRANT SELECT ("orderId", success, "createdAt") ON purchase_attempt_logs TO prodstatus_reader;
GRANT SELECT (key, value) ON system_configs TO prodstatus_reader;
GRANT SELECT (id, "userId", "cycleId", stage, success, "createdAt")
  ON autopilot_cycle_logs TO prodstatus_reader;
