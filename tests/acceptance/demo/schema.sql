-- The part of the live store's schema that the criteria read: the real types, names and indexes.
CREATE TYPE "CredentialScope" AS ENUM ('user', 'global');

CREATE TABLE users (
  id serial PRIMARY KEY,
  username text NOT NULL UNIQUE,
  email text NOT NULL UNIQUE,
  role text NOT NULL DEFAULT 'USER',
  "isActive" boolean NOT NULL DEFAULT true,
  "createdBy" integer,
  "paypalPayoutEmail" text,
  "payoneerPayoutEmail" text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL
);

CREATE TABLE platform_config (
  id serial PRIMARY KEY,
  "platformCommissionPct" numeric(5, 2) NOT NULL DEFAULT 10.00,
  "adminPaypalEmail" text NOT NULL,
  "updatedAt" timestamp(3) NOT NULL
);

CREATE TABLE api_credentials (
  id serial PRIMARY KEY,
  "userId" integer NOT NULL REFERENCES users (id),
  "apiName" text NOT NULL,
  environment text NOT NULL DEFAULT 'production',
  credentials text NOT NULL,
  "isActive" boolean NOT NULL DEFAULT true,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL,
  scope "CredentialScope" NOT NULL DEFAULT 'user',
  "sharedById" integer
);

CREATE TABLE products (
  id serial PRIMARY KEY,
  "userId" integer NOT NULL REFERENCES users (id),
  "aliexpressUrl" text NOT NULL,
  title text NOT NULL,
  "aliexpressPrice" numeric(18, 2) NOT NULL,
  "suggestedPrice" numeric(18, 2) NOT NULL,
  "finalPrice" numeric(18, 2),
  currency text NOT NULL DEFAULT 'USD',
  "shippingCost" numeric(18, 2),
  "importTax" numeric(18, 2),
  "totalCost" numeric(18, 2),
  status text NOT NULL DEFAULT 'PENDING',
  "isPublished" boolean NOT NULL DEFAULT false,
  "publishedAt" timestamp(3),
  "aliexpressSku" text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL
);

CREATE TABLE marketplace_listings (
  id serial PRIMARY KEY,
  "userId" integer NOT NULL,
  "productId" integer NOT NULL REFERENCES products (id),
  marketplace text NOT NULL,
  "listingId" text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  "publishedAt" timestamp(3)
);

CREATE TABLE opportunities (
  id serial PRIMARY KEY,
  "userId" integer NOT NULL,
  title text NOT NULL,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE orders (
  id text PRIMARY KEY,
  "userId" integer,
  "productId" integer,
  title text NOT NULL,
  price numeric(18, 2) NOT NULL,
  currency text NOT NULL DEFAULT 'USD',
  "customerName" text NOT NULL,
  "customerEmail" text NOT NULL,
  "shippingAddress" text NOT NULL,
  status text NOT NULL DEFAULT 'CREATED',
  "paypalOrderId" text,
  "aliexpressOrderId" text,
  "productUrl" text,
  "errorMessage" text,
  "fulfillRetryCount" integer NOT NULL DEFAULT 0,
  "manualFulfillmentRequired" boolean NOT NULL DEFAULT false,
  "failureReason" text,
  "lastAttemptAt" timestamp(3),
  "manualPurchaseDate" timestamp(3),
  quantity integer NOT NULL DEFAULT 1,
  "fulfillmentNotes" text,
  "lastAutoRetryAt" timestamp(3),
  supplier text,
  "supplierOrderId" text,
  "supplierStatus" text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL
);

CREATE TABLE sales (
  id serial PRIMARY KEY,
  "userId" integer NOT NULL REFERENCES users (id),
  "productId" integer NOT NULL REFERENCES products (id),
  "orderId" text NOT NULL UNIQUE,
  marketplace text NOT NULL,
  "salePrice" numeric(18, 2) NOT NULL,
  "aliexpressCost" numeric(18, 2) NOT NULL,
  "marketplaceFee" numeric(18, 2) NOT NULL DEFAULT 0,
  "grossProfit" numeric(18, 2) NOT NULL,
  "commissionAmount" numeric(18, 2) NOT NULL,
  "netProfit" numeric(18, 2) NOT NULL,
  currency text NOT NULL DEFAULT 'USD',
  status text NOT NULL DEFAULT 'PENDING',
  "trackingNumber" text,
  "isCompleteCycle" boolean NOT NULL DEFAULT false,
  "completedAt" timestamp(3),
  "adminPayoutId" text,
  "userPayoutId" text,
  "payoutExecuted" boolean NOT NULL DEFAULT false,
  "buyerEmail" text,
  environment text NOT NULL DEFAULT 'sandbox',
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL
);

CREATE TABLE commissions (
  id serial PRIMARY KEY,
  "userId" integer NOT NULL,
  "saleId" integer NOT NULL UNIQUE REFERENCES sales (id),
  amount numeric(18, 2) NOT NULL,
  currency text NOT NULL DEFAULT 'USD',
  status text NOT NULL DEFAULT 'PENDING',
  environment text NOT NULL DEFAULT 'sandbox',
  "paidAt" timestamp(3),
  "failureReason" text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL
);

CREATE TABLE purchase_logs (
  id serial PRIMARY KEY,
  "userId" integer NOT NULL,
  "saleId" integer,
  "orderId" text,
  "productId" integer,
  "supplierUrl" text NOT NULL,
  "purchaseAmount" numeric(18, 2) NOT NULL,
  currency text NOT NULL DEFAULT 'USD',
  quantity integer NOT NULL DEFAULT 1,
  status text NOT NULL DEFAULT 'PENDING',
  success boolean NOT NULL DEFAULT false,
  "errorMessage" text,
  "supplierOrderId" text,
  "trackingNumber" text,
  "retryAttempt" integer NOT NULL DEFAULT 0,
  "maxRetries" integer NOT NULL DEFAULT 3,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" timestamp(3) NOT NULL,
  "completedAt" timestamp(3)
);

CREATE TABLE autopilot_cycle_logs (
  id serial PRIMARY KEY,
  "userId" integer NOT NULL,
  "cycleId" text NOT NULL,
  stage text NOT NULL,
  success boolean NOT NULL,
  message text,
  "opportunitiesFound" integer NOT NULL DEFAULT 0,
  "productsPublished" integer NOT NULL DEFAULT 0,
  "capitalUsed" numeric(18, 2) NOT NULL DEFAULT 0,
  errors jsonb,
  metadata jsonb,
  "durationMs" integer,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE purchase_attempt_logs (
  id serial PRIMARY KEY,
  "orderId" text NOT NULL,
  provider text NOT NULL,
  success boolean NOT NULL,
  error text,
  "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE system_configs (
  id serial PRIMARY KEY,
  key text NOT NULL UNIQUE,
  value text NOT NULL,
  "updatedAt" timestamp(3) NOT NULL
);

CREATE UNIQUE INDEX ON api_credentials ("userId", "apiName", environment, scope);
CREATE INDEX ON api_credentials ("apiName", environment, "isActive");
CREATE INDEX ON orders (status);
CREATE INDEX ON orders ("createdAt");
CREATE INDEX ON orders ("paypalOrderId");
CREATE INDEX ON orders ("userId");
CREATE INDEX ON orders ("supplierOrderId");
CREATE INDEX ON sales ("userId", status);
CREATE INDEX ON sales ("userId", environment);
CREATE INDEX ON sales (marketplace, status);
CREATE INDEX ON sales ("createdAt");
CREATE INDEX ON sales ("orderId");
CREATE INDEX ON autopilot_cycle_logs ("userId", "createdAt");
CREATE INDEX ON autopilot_cycle_logs ("cycleId");
CREATE INDEX ON autopilot_cycle_logs (stage);
CREATE INDEX ON purchase_attempt_logs ("orderId");
