-- Three years of trade: as many orders as the setting benchmark.rows says, and as many sales.
-- What looks like chance comes from one seed. Ids are as random as they can be (the store's own are
-- in part ordered by time, which indexes like better), and a few rows of every kind are wrong.
SELECT setseed(0.25);

CREATE TEMPORARY TABLE size AS
SELECT n.rows, greatest(20, n.rows / 25000) AS users, greatest(200, n.rows / 50) AS products,
       n.now, n.now - interval '1095 days' AS began, interval '1095 days' / n.rows AS pace
FROM (SELECT CAST(current_setting('benchmark.rows') AS integer) AS rows,
             CAST(current_setting('benchmark.now') AS timestamp(3)) AS now) AS n;

INSERT INTO users (username, email, role, "paypalPayoutEmail", "payoneerPayoutEmail", "updatedAt")
SELECT 'user' || u, 'user' || u || '@store.example', CASE WHEN u = 1 THEN 'ADMIN' ELSE 'USER' END,
       CASE WHEN u % 25 <> 7 THEN 'payout' || u || '@store.example' END,
       CASE WHEN u % 25 = 7 THEN 'payoneer' || u || '@store.example' END, began
FROM size, generate_series(1, users) AS u;

INSERT INTO system_configs (key, value, "updatedAt")
SELECT 'autopilot_stats',
       '{"totalRuns": 1095, "lastRunTimestamp": "' || to_char(now, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '"}',
       now
FROM size;

INSERT INTO platform_config ("adminPaypalEmail", "updatedAt")
SELECT 'platform@store.example', began FROM size;

INSERT INTO api_credentials ("userId", "apiName", environment, credentials, "updatedAt")
SELECT u, api, environment, md5(random()::text) || ':' || repeat(md5(random()::text), 12), now
FROM size, generate_series(1, users) AS u,
     (VALUES ('aliexpress-dropshipping'), ('ebay'), ('paypal')) AS a (api),
     (VALUES ('production'), ('sandbox')) AS e (environment);

INSERT INTO products ("userId", "aliexpressUrl", title, "aliexpressPrice", "suggestedPrice",
  "finalPrice", currency, "shippingCost", status, "isPublished", "publishedAt", "createdAt",
  "updatedAt")
SELECT 1 + p % users, 'https://www.aliexpress.com/item/' || (1005005000000000 + p) || '.html',
       'Portable thing no. ' || p, price, price * 3, price * 3, 'USD', 1.5,
       CASE WHEN p % 12 = 5 THEN 'PENDING' ELSE 'PUBLISHED' END, p % 12 <> 5,
       CASE WHEN p % 12 <> 5 AND p % 3 = 0 THEN created + interval '5 hours' END, created, created
FROM size, LATERAL (
  SELECT p, round((2.5 + 40 * random())::numeric, 2) AS price,
         began - interval '20 days' + interval '1095 days' * p / products AS created
  FROM generate_series(1, products) AS p) AS product;

INSERT INTO marketplace_listings ("userId", "productId", marketplace, "listingId", "publishedAt")
SELECT "userId", id, marketplace, id || marketplace, "createdAt" + interval '5 hours'
FROM products, (VALUES ('ebay'), ('mercadolibre'), ('amazon')) AS m (marketplace)
WHERE "isPublished" AND (id + length(marketplace)) % 2 = 0;

INSERT INTO opportunities ("userId", title, "createdAt")
SELECT u, 'Trend of day ' || day, began - interval '30 days' + day * interval '1 day'
FROM size, generate_series(1, users) AS u, generate_series(0, 1124) AS day
UNION ALL
SELECT "userId", title, "createdAt" - interval '4 minutes' FROM products;

INSERT INTO autopilot_cycle_logs ("userId", "cycleId", stage, success, "createdAt")
SELECT u, 'cycle' || u || '-' || day, 'full_cycle', false,
       began - interval '30 days' + day * interval '1 day'
FROM size, generate_series(0, 1124) AS day, generate_series(1, users) AS u
WHERE random() < 0.01;

-- One row for each order and its sale: the dice that both are read from.
CREATE TEMPORARY TABLE drawn AS
SELECT n, 'c' || left(md5(random()::text), 24) AS id, random() AS fate, random() AS kind,
       random() AS money, random() AS notes,
       1 + floor(random() * n * products / rows)::integer AS product, began + n * pace AS created
FROM size, generate_series(1, rows) AS n;

INSERT INTO orders (id, "userId", "productId", title, price, currency, "customerName", "customerEmail",
  "shippingAddress", status, "paypalOrderId", "aliexpressOrderId", "productUrl", "errorMessage",
  "fulfillRetryCount", "failureReason", "lastAttemptAt", "manualPurchaseDate", "fulfillmentNotes",
  supplier, "supplierOrderId", "createdAt", "updatedAt")
SELECT id, 1 + product % users, product,
       'Portable thing no. ' || product, 3 * round((2.5 + 40 * money)::numeric, 2),
       CASE WHEN n % 9 = 4 THEN 'EUR' WHEN n % 17 = 3 THEN 'GBP' ELSE 'USD' END, 'A. Buyer',
       'buyer' || n % 100000 || '@mail.example',
       '{"street": "' || n || ' Example Street", "city": "Springfield", "country": "US"}',
       status, CASE WHEN status <> 'CREATED'
         THEN CASE WHEN kind < 0.01 THEN 'TEST_' ELSE '' END || upper(left(md5(id), 17)) END,
       CASE WHEN status <> 'PURCHASED' OR kind BETWEEN 0.02 AND 0.05 THEN NULL
            WHEN kind BETWEEN 0.01 AND 0.02 THEN 'SIMULATED_ORDER_ID'
            WHEN n % 100003 = 7 THEN '8100000000000007'
            ELSE CAST(8100000000000000 + n * bigint '977' AS text) END,
       'https://www.aliexpress.com/item/' || (1005005000000000 + product) || '.html',
       CASE WHEN status = 'FAILED' THEN 'out of stock' END,
       CASE WHEN kind > 0.97 THEN 1 ELSE 0 END,
       CASE WHEN fate > 0.999 THEN 'MANUALLY_CANCELLED_MARKETPLACE_SIDE' END,
       CASE WHEN status <> 'CREATED' THEN created + interval '3 minutes' END,
       CASE WHEN kind BETWEEN 0.05 AND 0.06 THEN created + interval '1 hour' END,
       CASE
         WHEN notes < 0.40 THEN NULL
         WHEN notes < 0.65 THEN 'called the buyer, parcel ' || n || ' will be late'
         WHEN notes < 0.85 THEN '{"by": "autopilot", "attempts": [{"at": "' || created
           || '", "took": 1.5e3}, null], "truthFlags": {"excludedFromCommercialProof": false}}'
         WHEN notes < 0.90 THEN '{"trace": "' || repeat(id || ' \"quoted\" \\ ', 40) || '"}'
         WHEN notes < 0.93 THEN '{"truthFlags": {"commercialProofEligible": true}, "n": ' || n || '}'
         WHEN notes < 0.96 THEN '{"a": "\u00e9", "rest": [' || repeat('{"x": [1, 2]}, ', 20) || '0]}'
         WHEN notes < 0.97 THEN '{"truthFlags": {"excludedFromCommercialProof": true}, "by": "ops"}'
         WHEN notes < 0.98 THEN '{"truthFlags": {"excludedFromCommercialProof": true}, "cut": "off'
         ELSE '{not json at all: ' || id || '}' END,
       CASE WHEN kind BETWEEN 0.02 AND 0.05 THEN 'cj' WHEN n % 2 = 0 THEN 'aliexpress' END,
       CASE WHEN kind BETWEEN 0.02 AND 0.05 THEN 'CJ' || n END,
       created, created + interval '4 minutes'
FROM size, drawn, LATERAL (SELECT CASE
  WHEN fate < 0.050 THEN 'CREATED' WHEN fate < 0.062 THEN 'FAILED'
  WHEN fate < 0.066 THEN 'MANUAL_ACTION_REQUIRED' WHEN fate < 0.068 THEN 'FULFILLMENT_BLOCKED'
  WHEN fate < 0.070 THEN 'NEEDS_MANUAL_INTERVENTION' WHEN fate < 0.075 THEN 'SIMULATED'
  WHEN fate < 0.076 OR created > now - interval '5 minutes' THEN 'PURCHASING'
  ELSE 'PURCHASED' END AS status) AS s
ORDER BY n;

-- An order that wasn't purchased leaves its sale to a marketplace's number (few dangle).
INSERT INTO sales ("userId", "productId", "orderId", marketplace, "salePrice", "aliexpressCost",
  "marketplaceFee", "grossProfit", "commissionAmount", "netProfit", currency, status,
  "isCompleteCycle", "completedAt", "adminPayoutId", "userPayoutId", "payoutExecuted",
  environment, "createdAt", "updatedAt")
SELECT 1 + product % users, product,
       CASE WHEN fate >= 0.076 THEN id
            -- A sale of what isn't paid for yet is BLOCKED.
            WHEN kind > 0.99 AND fate >= 0.050 THEN id
            ELSE '12-' || lpad(n::text, 10, '0') || '-8' END,
       (ARRAY['ebay', 'mercadolibre', 'amazon'])[1 + n % 3], cost * 3, cost, round(cost * 0.3, 2),
       gross, commission, gross - commission + CASE WHEN n % 9973 = 0 THEN 1 ELSE 0 END,
       CASE WHEN n % 9 = 4 THEN 'EUR' WHEN n % 17 = 3 THEN 'GBP' ELSE 'USD' END,
       CASE WHEN n % 23 = 7 THEN 'CANCELLED' WHEN n % 4999 = 0 THEN 'PAYOUT_FAILED'
            -- Only what was bought is completed: the profit of anything else is BLOCKED.
            WHEN created > now - interval '9 days' OR kind BETWEEN 0.01 AND 0.02
              OR fate < 0.076 AND kind > 0.99 THEN 'SHIPPED' ELSE 'COMPLETED' END,
       created < now - interval '9 days',
       CASE WHEN created < now - interval '9 days' THEN created + interval '4 days' END,
       CASE WHEN paid THEN CASE WHEN n % 100003 = 7 THEN 'AAAAAAAAAAAAA'
         ELSE upper(left(md5('a' || n), 13)) END END,
       CASE WHEN paid AND n % 7919 <> 0 THEN CASE WHEN (1 + product % users) % 25 = 7
         THEN 'payoneer' ELSE upper(left(md5('u' || n), 13)) END END,
       paid, CASE WHEN kind < 0.03 THEN 'sandbox' ELSE 'production' END,
       created + interval '5 minutes', created + interval '11 minutes'
FROM size, drawn,
  LATERAL (SELECT round((2.5 + 40 * money)::numeric, 2) AS cost,
                  n % 23 <> 7 AND created < now - interval '30 minutes' AS paid) AS c,
  LATERAL (SELECT cost * 3 - cost - 1.5 - round(cost * 0.3, 2) AS gross) AS g,
  LATERAL (SELECT round(gross * 0.10, 2) AS commission) AS m
ORDER BY n;

INSERT INTO purchase_attempt_logs ("orderId", provider, success, error, "createdAt")
SELECT id, 'aliexpress', status = 'PURCHASED',
       CASE WHEN status <> 'PURCHASED' THEN 'out of stock' END, "lastAttemptAt"
FROM orders WHERE "lastAttemptAt" IS NOT NULL;

DROP TABLE drawn, size;
